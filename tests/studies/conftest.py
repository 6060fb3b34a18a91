from tests.petite.conftest import drawn

__all__ = ["drawn"]
