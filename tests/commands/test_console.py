import json
from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from gdpr_assist.management.console import Fact, console

# As where rich is not installed
NO_RICH = 'raise ImportError("No module named \'rich\'", name="rich")\n'


class Output(StringIO):
    def __init__(self, is_terminal):
        super().__init__()
        self.is_terminal = is_terminal

    def isatty(self):
        return self.is_terminal


def shown(output, **options):
    return console(
        OutputWrapper(output),
        {"stdout": output, "verbosity": 1, "no_color": False, "force_color": False, **options},
    )


@pytest.fixture(autouse=True)
def terminal(monkeypatch):
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def output(request):
    return Output(request.param)


class TestFollow:
    def test_it_runs_the_work_and_gives_the_last_count(self, output):
        done = []

        def work():
            for count in (2, 4, 5):
                done.append(count)
                yield count

        assert shown(output).follow(work(), "shop.Customer", 5) == 5
        assert done == [2, 4, 5]

    def test_no_work_is_a_count_of_none(self, output):
        assert shown(output).follow(iter([]), "shop.Customer", 0) == 0

    def test_an_error_of_the_work_comes_out(self, output):
        def work():
            yield 1
            raise LookupError

        with pytest.raises(LookupError):
            shown(output).follow(work(), "shop.Customer", 2)

    def test_it_is_silent_where_there_is_no_terminal(self):
        log_file = Output(is_terminal=False)
        shown(log_file).follow(iter([1, 2]), "shop.Customer", 2)
        assert log_file.getvalue() == ""

    def test_a_terminal_gets_a_bar_with_name_and_numbers(self):
        terminal = Output(is_terminal=True)
        shown(terminal).follow(iter([1, 2]), "shop.Customer", 2)
        assert "shop.Customer" in terminal.getvalue()
        assert "━" in terminal.getvalue()
        assert "/2" in terminal.getvalue()

    def test_a_label_is_text_and_no_markup(self):
        terminal = Output(is_terminal=True)
        shown(terminal).follow(iter([1]), "shop[red].Customer", 1)
        assert "shop[red].Customer" in terminal.getvalue()


class TestTable:
    NUMBERS = {"Applied": 3, "Failed": 0}
    LINES = "Applied: 3\nFailed: 0\n"

    def test_lines_in_a_file(self):
        log_file = Output(is_terminal=False)
        shown(log_file).table(self.NUMBERS, "Operations")
        assert log_file.getvalue() == self.LINES

    def test_a_table_on_a_terminal(self):
        terminal = Output(is_terminal=True)
        shown(terminal).table(self.NUMBERS, "Operations")
        for text in ("┃", "Operations", "Applied", "3"):
            assert text in terminal.getvalue()

    @pytest.mark.parametrize(
        ("is_terminal", "option", "is_drawn"),
        [
            (True, {"no_color": True}, False),
            (False, {"force_color": True}, True),
            (True, {"verbosity": 0}, False),
            (False, {"force_color": True, "verbosity": 0}, False),
        ],
    )
    def test_the_options_decide_first(self, is_terminal, option, is_drawn):
        output = Output(is_terminal)
        shown(output, **option).table(self.NUMBERS, "Operations")
        assert ("┃" in output.getvalue()) is is_drawn
        assert (output.getvalue() == self.LINES) is not is_drawn


class TestRows:
    ROWS = [["email", "text [key]"], ["a", "b"]]

    def test_lines_in_a_file(self):
        log_file = Output(is_terminal=False)
        shown(log_file).rows(self.ROWS, ["NAME", "RULE"], title="shop.Customer")
        assert log_file.getvalue() == "\nshop.Customer\nNAME   RULE\nemail  text [key]\na      b\n"

    def test_no_rows(self, output):
        shown(output).rows([], ["NAME"])
        assert "NAME" in output.getvalue()

    def test_a_table_on_a_terminal_whose_cells_are_text_and_no_markup(self):
        terminal = Output(is_terminal=True)
        shown(terminal).rows(self.ROWS, ["NAME", "RULE"], title="[red]shop.Customer")
        for text in ("┃", "[red]shop.Customer", "NAME", "text [key]"):
            assert text in terminal.getvalue()

    def test_a_long_cell_is_folded_and_loses_nothing(self):
        terminal = Output(is_terminal=True)
        shown(terminal).rows([["x" * 250]], ["NAME"])
        assert terminal.getvalue().count("x") == 250


class TestFacts:
    FACTS = [Fact("missing here", 1, "run [gdpr_rerun]"), Fact("from a restore", 1, level=2), Fact("just so")]

    def test_lines_in_a_file(self):
        log_file = Output(is_terminal=False)
        shown(log_file).facts("Database default", self.FACTS)
        assert log_file.getvalue() == (
            "Database default\n  missing here: 1  <- run [gdpr_rerun]\n    from a restore: 1\n  just so\n"
        )

    def test_a_table_on_a_terminal(self):
        terminal = Output(is_terminal=True)
        shown(terminal).facts("Database [default]", self.FACTS)
        for text in ("┃", "Database [default]", "missing here", "run [gdpr_rerun]", "just so"):
            assert text in terminal.getvalue()

    def test_a_title_alone(self, output):
        shown(output).facts("Database [other]: not migrated", [])
        assert output.getvalue() == "Database [other]: not migrated\n"


class TestGrowing:
    def test_lines_in_a_file_each_at_once(self):
        log_file = Output(is_terminal=False)
        with shown(log_file).growing(["NAME"]) as add:
            add(["a"], "a: 1")
            assert log_file.getvalue() == "a: 1\n"

    def test_a_table_on_a_terminal_that_is_seen_as_it_grows(self):
        terminal = Output(is_terminal=True)
        with shown(terminal).growing(["NAME"]) as add:
            add(["[red]first"], "a line")
            assert "[red]first" in terminal.getvalue()
        assert "┃" in terminal.getvalue()
        assert "a line" not in terminal.getvalue()

    def test_an_error_of_the_block_comes_out(self, output):
        with pytest.raises(LookupError), shown(output).growing(["NAME"]):
            raise LookupError


@pytest.mark.parametrize("command", [["gdpr_status"], ["gdpr_verify"], ["anonymise_db", "--dry-run"]])
def test_tables_on_a_terminal(site, command):
    status, seen = site.run_on_terminal(*command)
    assert status == 0, seen
    assert "┃" in seen
    last = "Nothing is in the way of the run itself." if command[0] == "anonymise_db" else "All is well"
    assert last in seen.splitlines()[-1]
    assert "┃" not in site.run(*command).stdout


@pytest.mark.parametrize("command", ["gdpr_status", "gdpr_rerun"])
def test_with_json_stdout_has_the_document_alone_also_on_a_terminal(site, command):
    status, seen = site.run_on_terminal(command, "--json")  # which shows stderr too: a bar, if there is any
    assert status == 0, seen
    assert json.loads(seen[seen.index("{") :])["is_well"] is True
    document = site.run(command, "--json", "--force-color").stdout
    assert json.loads(document)["wrong"] == []


class TestWithoutRich:
    """The commands in a process that cannot import rich."""

    @pytest.fixture
    def site(self, site):
        (site.directory / "rich.py").write_text(NO_RICH)
        return site

    @pytest.mark.parametrize("is_terminal", [True, False])
    def test_anonymise_db_prints_lines(self, site, is_terminal):
        run = site.run_on_terminal if is_terminal else site.run
        status, seen = self.result(run("anonymise_db", "--noinput"))
        assert status == 0, seen
        assert "default: shop.Customer: 2 anonymised" in seen.splitlines()
        assert "━" not in seen
        assert site.customers() == ["1", "3"]

    @pytest.mark.parametrize("is_terminal", [True, False])
    def test_gdpr_rerun_prints_lines(self, site, is_terminal):
        site.restore()
        run = site.run_on_terminal if is_terminal else site.run
        status, seen = self.result(run("gdpr_rerun"))
        assert status == 0, seen
        assert "Applied: 2" in seen.splitlines()
        assert "┃" not in seen
        assert site.customers() == ["1", "Ada"]

    @pytest.mark.parametrize("command", ["gdpr_reconcile", "gdpr_status", "gdpr_verify"])
    def test_so_do_the_others(self, site, command):
        status, seen = self.result(site.run_on_terminal(command))
        assert status == 0, seen
        assert seen.splitlines() == site.run(command).stdout.splitlines()

    @staticmethod
    def result(done):
        return done if isinstance(done, tuple) else (done.returncode, done.stdout)
