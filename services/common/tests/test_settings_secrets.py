import pytest
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_settings import SettingsConfigDict

from wod_common.settings import ServiceSettings


class Inner(BaseModel):
    token: SecretStr


class Example(ServiceSettings):
    model_config = SettingsConfigDict(env_prefix="WOD_EXAMPLE_", hide_input_in_errors=True)

    database_url: SecretStr
    further: tuple[Inner, ...] = ()
    brand: str = "Change-me"


@pytest.mark.parametrize("url", ["postgresql://wod:change-me@db/wod", "postgresql://wod:CHANGEME-please@db/wod"])
def test_secret_of_the_template_is_refused_by_its_settings_name(url: str) -> None:
    with pytest.raises(
        ValidationError, match="WOD_EXAMPLE_DATABASE_URL still has the value of the template"
    ) as refused:
        Example(database_url=SecretStr(url))
    assert "postgresql" not in str(refused.value)


def test_secret_of_ones_own_is_taken_and_what_is_no_secret_may_say_anything() -> None:
    assert Example(database_url=SecretStr("postgresql://wod:s3ldom@db/wod")).brand == "Change-me"


def test_secret_within_a_setting_is_looked_at_as_well() -> None:
    further = (Inner(token=SecretStr("s3ldom")), Inner(token=SecretStr("please-replace-me")))
    with pytest.raises(ValidationError, match="WOD_EXAMPLE_FURTHER still has"):
        Example(database_url=SecretStr("postgresql://h/d"), further=further)
