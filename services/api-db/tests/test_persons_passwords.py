"""A seat's password over its whole life, looked for in everything that the database holds."""

from api_support import AgentDouble, Api

PASSWORD = "Zx9-never-in-clear-7Q"


async def holders(api: Api, text: str) -> set[tuple[str, str]]:
    """Each table and column that holds the text, or its bytes."""
    columns = await api.rows(
        """SELECT quote_ident(table_name), quote_ident(column_name) FROM information_schema.columns
        JOIN information_schema.tables USING (table_schema, table_name)
        WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"""
    )
    assert len(columns) > 100
    query = "SELECT 1 FROM {} WHERE {}::text LIKE ANY (ARRAY[:text, :bytes]) LIMIT 1"
    patterns = {"text": f"%{text}%", "bytes": f"%{text.encode().hex()}%"}
    return {(table, column) for table, column in columns if await api.rows(query.format(table, column), **patterns)}


async def test_a_password_is_only_ever_sealed_and_gone_with_the_cleaning(api: Api, agent: AgentDouble) -> None:
    token = (await api.register()).json()["token"]
    await agent.finish("CREATE", password=PASSWORD)
    sealed = await api.value("SELECT sealed_password FROM students WHERE number = 1")
    assert sealed
    assert await holders(api, PASSWORD) == set()
    assert await holders(api, sealed) == {("students", "sealed_password")}
    assert await holders(api, "WKSHP-API101") > {("workshops", "notebook")}, "the search finds what is there"
    await api.http.post(f"/api/v1/registrations/{token}/end")
    await agent.finish("CLEANUP", completion=75)
    await agent.finish("PURGE")
    assert await holders(api, PASSWORD) == set()
    assert await holders(api, sealed) == set()


async def test_the_search_reads_bytes_as_well(api: Api) -> None:
    await api.register()
    identity = await api.value("SELECT id FROM commands")
    assert await holders(api, str(identity)) >= {("commands", "id"), ("pgqueuer", "payload")}
