"""What is shown while a run goes on."""

import io

import pytest
from rich.console import Console

from awac.display import Display, clock_time, digits, number, progress_bar, table


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1e-7  # two looks at a clock never show the same time
        return self.now


def plain() -> Console:
    """A console that is no terminal, wide enough."""
    return Console(record=True, width=100, file=io.StringIO(), force_terminal=False)


def terminal() -> Console:
    """A console that is a terminal."""
    return Console(record=True, width=100, file=io.StringIO(), force_terminal=True, _environ={})


def test_plain_output_is_one_line_per_evaluation():
    console, clock = plain(), Clock()
    with Display("demo", console, clock) as display:
        display.update("offline", 0, 1000, {})
        clock.now += 10
        display.update("offline", 500, 1000, {"train/critic_loss": 0.25})
        display.update("offline", 500, 1000, {"eval/success_rate": 0.75})
        clock.now += 10
        display.update("offline", 1000, 1000, {"eval/success_rate": 0.8, "train/actor_loss": -12.345})
    assert console.export_text().splitlines() == [
        "offline 500/1,000: 50 steps/s, 0:10 left, success 75%, critic loss 0.25",
        "offline 1,000/1,000: 50 steps/s, 0:00 left, success 80%, actor loss -12.35, critic loss 0.25",
    ]


def test_long_lines_are_not_wrapped_in_a_log():
    console = plain()
    with Display("demo", console, Clock()) as display:
        display.message("x" * 250)
        tags = ("actor_loss", "critic_loss", "q_mean", "weight_effective_sample_size")
        values = {f"train/{tag}": 1.0 for tag in tags}
        display.update("online", 10, 50_000, {"eval/success_rate": 0.5, "eval/mean_reward": -20.0, **values})
    first, second = console.export_text().splitlines()
    assert first == "x" * 250
    assert second.startswith("online 10/50,000")
    assert second.endswith("effective sample size 1")


def test_speed_is_measured_anew_in_a_new_phase():
    console, clock = plain(), Clock()
    display = Display("demo", console, clock)
    display.update("offline", 0, 1000, {})
    clock.now += 1
    display.update("offline", 1000, 1000, {})
    clock.now += 10
    display.update("online", 100, 1000, {"eval/success_rate": 0.5})
    assert console.export_text() == "online 100/1,000: 10 steps/s, 1:30 left, success 50%\n"


def test_a_resumed_run_has_no_speed_before_its_first_step():
    console, clock = plain(), Clock()
    display = Display("demo", console, clock)
    clock.now += 5  # compiling
    display.update("online", 40_000, 50_000, {"eval/success_rate": 0.5})
    clock.now += 10
    display.update("online", 40_100, 50_000, {"eval/success_rate": 0.5})
    first, second = console.export_text().splitlines()
    assert first == "online 40,000/50,000: - steps/s, -:-- left, success 50%"
    assert second == "online 40,100/50,000: 10 steps/s, 16:30 left, success 50%"


def test_speed_is_that_of_the_last_half_minute():
    clock = Clock()
    display = Display("demo", plain(), clock)
    display.update("online", 0, 10_000, {})
    for step in range(1, 101):
        clock.now += 1
        display.update("online", 100 + step if step > 50 else 2 * step, 10_000, {})
    assert display.speed.per_second() == pytest.approx(1.0)
    assert len(display.speed.marks) < 40


def test_a_run_that_stands_still_has_no_time_left_to_tell():
    clock = Clock()
    display = Display("demo", plain(), clock)
    display.update("online", 5, 10, {})
    clock.now += 1
    display.update("online", 5, 10, {})
    assert display.pace() == "0 steps/s, -:-- left"


def test_terminal_shows_a_panel():
    console, clock = terminal(), Clock()
    with Display("AWAC on pen", console, clock) as display:
        display.update("offline", 0, 2000, {})
        clock.now += 4
        values = {"eval/success_rate": 0.75, "train/weight_effective_sample_size": 0.1612, "train/other": 3.0}
        display.update("offline", 1000, 2000, values)
        display.message("the switch: 500 transitions of prior data")
    text = console.export_text()
    assert "AWAC on pen" in text
    assert "step 1,000 of 2,000" in text
    assert "250 steps/s, 0:04 left" in text
    assert "success                75%" in text
    assert "effective sample size  0.1612" in text
    assert "the switch: 500 transitions of prior data" in text
    assert "other" not in text


def test_a_signal_is_seen_in_the_panel_or_told_at_once(capfd):
    console = terminal()
    with Display("a run", console) as display:
        display.stopping()
        console.print(display.panel())
    assert "stopping: saves after this interval and leaves; once more leaves at once" in console.export_text()
    assert capfd.readouterr().err == ""
    Display("a run", console).stopping()
    assert capfd.readouterr().err == "stopping: saves after this interval and leaves; once more leaves at once\n"


def test_the_terminal_is_given_back_after_an_error():
    console = terminal()
    display = Display("demo", console, Clock())
    with pytest.raises(ZeroDivisionError), display:
        raise ZeroDivisionError
    assert display.live is None
    assert "\x1b[?25h" in console.file.getvalue()  # the cursor is shown again


def test_markup_in_messages_is_text():
    console = plain()
    Display("demo", console, Clock()).message("rewards [/bold] of [red]episode 3[/red]")
    assert console.export_text() == "rewards [/bold] of [red]episode 3[/red]\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0:00"), (59.6, "1:00"), (3723, "1:02:03"), (-1, "0:00"), (float("nan"), "-:--"), (float("inf"), "-:--")],
)
def test_clock_time(seconds, text):
    assert clock_time(seconds) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(12135.4, "12135"), (-9999.6, "-10000"), (999.96, "1000"), (0.04561, "0.04561"), (1.5e9, "1.5e+09"), (0.0, "0")],
)
def test_numbers_have_an_exponent_only_where_they_must(value, text):
    assert (digits(value), number("eval/mean_reward", value)) == (text, text)


def test_table():
    console = plain()
    console.print(table([{"policy": "clone", "success": 0.73}, {"policy": "after online", "success": 0.951234}], "Pen"))
    text = console.export_text()
    assert "Pen" in text
    assert [line.split("│")[2] for line in text.splitlines() if "│" in line] == ["    0.73 ", "  0.9512 "]
    console.print(table([], "Nothing"))


def test_a_bar_shows_on_a_terminal_alone():
    for console, shown in ((terminal(), True), (plain(), False)):
        with progress_bar("hopper-random-v0", 1000, console) as progress:
            progress(400)
        assert ("hopper-random-v0" in console.export_text()) == shown
