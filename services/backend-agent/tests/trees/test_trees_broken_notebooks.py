"""A notebook that is none after rendering, and the operator's list of workshops where it is delivered all the same."""

from trees_location import Location


async def test_a_broken_notebook_is_delivered_only_where_the_overlay_lists_its_workshop(location: Location) -> None:
    location.write("1.ipynb", '{ "seat": {{ STDID }}')
    location.overlay("allow_broken_notebooks", "# in a hurry\nWKSHP-Other\n")
    assert "1.ipynb: after rendering it is not JSON" in await location.failure("x")
    location.overlay("allow_broken_notebooks", "WKSHP-Small # until its author is back\n")
    assert await location.rendered("x") == "x"
    assert location.delivered("1.ipynb") == '{ "seat": 7'
