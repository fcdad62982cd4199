"""The operator's folder: what is taken from it, and what keeps the portal from starting."""

from pathlib import Path

import httpx
import pytest
from pydantic import AnyHttpUrl, SecretStr
from services.frontend.tests.conftest import serve
from services.frontend.tests.portal_double import ApiDouble

from wod_frontend.app import create_app
from wod_frontend.branding import BrandingWrong, contrast, read_branding
from wod_frontend.settings import Settings

BRANDING = """
name: Ateliers <Acme>
logo: logo.svg
accent: "#0b5cab"
accent_dark: "#8cc4ff"
links: [{text: {en: Our site, fr: Notre site}, href: "https://acme.example/"}]
footer: {en: "Run by <Acme>", fr: "Par Acme"}
contact: help@acme.example
terms_version: acme-1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "branding.yml").write_text(BRANDING)
    (tmp_path / "logo.svg").write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    (tmp_path / "terms.en.md").write_text("# Our terms\n\n<script>x</script> [a](javascript:x) *kept*\n")
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "WKSHP-API101.png").write_bytes(b"PNG")
    (tmp_path / "secret.txt").write_text("secret")
    return tmp_path


async def test_the_pages_wear_the_operators_clothes(folder: Path, api_url: str, api: ApiDouble) -> None:
    settings = Settings(
        api_url=AnyHttpUrl(api_url), secret=SecretStr("only-for-the-tests-of-the-portal"), branding=folder
    )
    async with serve(create_app(settings)) as url, httpx.AsyncClient(base_url=url) as visitor:
        page = (await visitor.get("/")).text
        for shown in (
            "Ateliers &lt;Acme&gt;",
            "Our site",
            "Run by &lt;Acme&gt;",
            "/branding/pictures/WKSHP-API101.png",
        ):
            assert shown in page
        assert "Notre site" in (await visitor.get("/?language=fr")).text
        terms = (await visitor.get("/terms")).text  # the French visitor reads the English where there is no other
        assert "<h1>Our terms</h1>" in terms
        assert "<em>kept</em>" in terms
        assert "<script>x" not in terms
        assert 'href="javascript' not in terms
        assert "acme-1" in terms
        style = await visitor.get("/branding.css")
        assert "--accent:#0b5cab" in style.text
        assert style.headers["content-type"].startswith("text/css")
        assert (await visitor.get("/branding/logo")).headers["content-type"] == "image/svg+xml"
        assert "sandbox" in (await visitor.get("/branding/logo")).headers["content-security-policy"]
        assert (await visitor.get("/branding/pictures/WKSHP-API101.png")).content == b"PNG"
        for path in ("/branding/pictures/..%2fsecret.txt", "/branding/pictures/..%2fbranding.yml", "/branding/x"):
            assert (await visitor.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ('accent: "#ffee00"', "contrast"),
        ("accent: red", "pattern"),
        ("nmae: x", "nmae"),
        ("logo: ../logo.svg", "logo"),
        ("logo: missing.svg", "missing.svg"),
        ("links: [{text: x, href: 'javascript:x'}]", "href"),
        ("- a list", "branding.yml"),
        ("{", "branding.yml"),
    ],
)
def test_a_mistake_is_named_at_the_start(tmp_path: Path, said: str, named: str) -> None:
    (tmp_path / "branding.yml").write_text(said)
    with pytest.raises(BrandingWrong, match=named):
        read_branding(tmp_path, "x")


def test_contrast_is_the_one_of_the_guidelines() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
