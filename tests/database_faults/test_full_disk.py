import pytest
from django.db import connection
from faulted import prepared, survives
from full_disk import FullFrom, on_a_disk
from journeys import JOURNEYS


@pytest.mark.parametrize("name", JOURNEYS)
def test_count(tenant, clock, name, tmp_path):
    with on_a_disk(tmp_path) as disk:
        journey = prepared(name, tenant, clock)
        full = FullFrom(disk, -1)
        with connection.execute_wrapper(full):
            journey.travel()
        print(name, full.writes)
