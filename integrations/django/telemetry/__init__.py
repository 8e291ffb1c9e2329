"""What the site tells of its transactions: log, signals, OpenTelemetry."""
