"""Where transactions live: models, migrations, encryption, and the store that the engine writes through."""
