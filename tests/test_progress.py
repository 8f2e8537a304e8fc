from io import StringIO

import pytest
from rich.console import Console

from gdpr_assist.progress import show


def console(**options):
    return Console(file=StringIO(), width=100, **options)


def printed(console):
    return console.file.getvalue()


def test_it_runs_the_work_and_gives_the_last_count():
    done = []

    def work():
        for count in (2, 4, 5):
            done.append(count)
            yield count

    assert show(work(), "shop.Customer", 5, console()) == 5
    assert done == [2, 4, 5]


def test_no_work_is_a_count_of_none():
    assert show(iter([]), "shop.Customer", 0, console()) == 0


def test_it_is_silent_where_there_is_no_terminal():
    log_file = console(force_terminal=False)
    show(iter([1, 2]), "shop.Customer", 2, log_file)
    assert printed(log_file) == ""


def test_a_terminal_gets_a_bar_with_name_and_numbers():
    terminal = console(force_terminal=True, color_system=None)
    show(iter([1, 2]), "shop.Customer", 2, terminal)
    assert "shop.Customer" in printed(terminal)
    assert "━" in printed(terminal)
    assert "2/2" in printed(terminal)


def test_a_label_is_text_and_no_markup():
    terminal = console(force_terminal=True, color_system=None)
    show(iter([1]), "shop[red].Customer", 1, terminal)
    assert "shop[red].Customer" in printed(terminal)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_an_error_of_the_work_comes_out(is_terminal):
    def work():
        yield 1
        raise LookupError

    with pytest.raises(LookupError):
        show(work(), "shop.Customer", 2, console(force_terminal=is_terminal))
