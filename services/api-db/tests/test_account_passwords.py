import asyncio

from wod_api_db.accounts.passwords import hash_password, verify_password


async def test_the_right_password_passes_and_a_wrong_one_does_not() -> None:
    hashed = await hash_password("correct horse")
    assert await verify_password("correct horse", hashed)
    assert not await verify_password("correct house", hashed)


async def test_an_unknown_account_never_passes() -> None:
    assert not await verify_password("no account has this hash", None)


async def test_two_hashes_of_one_password_differ() -> None:
    first, second = await asyncio.gather(hash_password("same"), hash_password("same"))
    assert first != second
    assert first.startswith("$argon2id$")


async def test_the_event_loop_goes_on_while_a_password_is_hashed() -> None:
    hashing = asyncio.create_task(hash_password("slow"))
    turns = 0
    while not hashing.done():
        await asyncio.sleep(0)  # poll: a turn of the loop
        turns += 1
    assert turns > 10
