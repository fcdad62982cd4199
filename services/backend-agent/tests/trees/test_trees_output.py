"""What is kept of what Ansible has printed, with real runs."""

from trees_location import PASSWORD, VAULT_PASSWORD, Location

from wod_backend_agent.printed import CUT, kept_by
from wod_common.events import MOST_OUTPUT

VAULTED, PLAIN = "5ecret-of-the-vault", '5ecret-of-a-"file"'


class Kept(list[str]):
    """What was handed on while one of its creates ran."""

    async def keep(self, text: str) -> None:
        self.append(text)

    async def of(self, location: Location, *, fails: bool = False) -> str:
        location.write("a.sh", "seat {{ STDID }}\n")
        with kept_by(self.keep):
            if fails:
                await location.failure("x {{ STDID }}")
            else:
                await location.create()
        assert all(len(text) <= MOST_OUTPUT for text in self)
        return "\n".join(self)


async def test_a_delivery_tells_what_was_done_and_how_it_ended(location: Location) -> None:
    told = await Kept().of(location)
    assert "PLAY [Create a seat]" in told
    assert "TASK [Render the workshop and put it into a fresh home]\nchanged: [lab.example.org] =>" in told
    location.write("b.sh", "{{ NO }}\n")
    failed = await Kept().of(location, fails=True)
    assert "fatal: [lab.example.org] =>" in failed


async def test_what_the_overlays_tasks_print_is_kept_without_a_secret(location: Location) -> None:
    location.open_with(VAULT_PASSWORD)
    location.overlay("variables_WKSHP-Small.yml", location.encrypted(f"TOKEN: {VAULTED}\n"))
    location.overlay("group_vars/all.yml", f"DB_PASSWORD: '{PLAIN}'\nSHOWN: of the licence server\n")
    location.overlay(
        "pre_templating.yml",
        """---
- name: Ask
  ansible.builtin.debug:
    msg: "{{ SHOWN }} {{ TOKEN }} {{ PASSSTU }} {{ DB_PASSWORD }}"
- name: Hush
  ansible.builtin.debug:
    msg: never shown
  no_log: true
- name: Warn
  ansible.builtin.fail:
    msg: "{{ 'a warning of many words ' * 20 }} {{ TOKEN }} {{ PASSSTU }}"
  ignore_errors: true
""",
    )
    told = await Kept().of(location)
    assert "TASK [Ask]" in told
    assert "of the licence server (secret) (secret) (secret)" in told
    assert "a warning of many words" in told
    flat = told.replace("\n", "").replace(" ", "")
    for secret in (VAULTED, PASSWORD, PLAIN, "never shown", "\x1b"):
        assert secret not in told
        assert secret not in flat


async def test_the_lines_that_an_error_quotes_are_left_out_and_a_failed_run_is_kept(location: Location) -> None:
    location.overlay(
        "pre_templating.yml",
        """---
- name: Ask the licence server
  # quoted-from-the-file
  ansible.builtin.shell: echo out of licences for {{ PASSSTU }} >&2; exit 3
""",
    )
    told = await Kept().of(location, fails=True)
    assert "out of licences for (secret)" in told
    assert "quoted-from-the-file" not in told
    assert PASSWORD not in told


async def test_of_a_million_characters_the_end_is_kept(location: Location) -> None:
    talk = "{{ ('x' ~ PASSSTU ~ 'y') * 60000 }} the end"
    location.overlay("post_templating.yml", f'- name: Talk\n  ansible.builtin.debug:\n    msg: "{talk}"\n')
    told = await Kept().of(location)
    assert told.startswith(CUT)
    assert "x(secret)yx(secret)y the end" in told
    assert PASSWORD not in told
    assert len(told) <= MOST_OUTPUT
