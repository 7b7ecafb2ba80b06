"""Every command that a page shows: the shell reads it, and its verbs, options, settings, targets and files exist."""

import re
from functools import cache

import pytest
from commands_read import after, is_ceruleanml, simple_commands, typed
from docs_read import ROOT, WRITTEN, fences, spans, text_of
from processes import finished

from command_pages import commands, options  # isort: skip # docs_read says where it lies
from setting_pages import make_targets  # isort: skip

LEFT_OUT = re.compile(r"^[A-Z…]|…$|^\$")
"""Words that stand for others: VERB, `…`, `$part`."""
FILES = re.compile(
    r"(?:scripts|tests|ceruleanml|gcpvm|data-processing|benchmarks|notebooks|docs|\.ci)/[\w./-]*\w\.(?:py|sh|md|toml|js|html|tf|yaml|ipynb|txt|png)"
)


@cache
def verbs():
    """(takes, has sub-verbs) of each verb by its words; `takes` holds every option's names."""
    found = {}
    for words, command, context in commands():
        names = {name for one in options(command, context) for name in (*one.opts, *one.secondary_opts)}
        found[words] = (names | {"-h", "--help", "--debug"}, bool(getattr(command, "commands", {})))
    return found


def wrong_in(words):
    """What is wrong with the words behind `ceruleanml`; None where they could be typed."""
    verb = ()
    for word in words:
        if (*verb, word) in verbs():
            verb = (*verb, word)
        elif LEFT_OUT.search(word) and verbs()[verb][1]:
            return None
        elif verbs()[verb][1] and not word.startswith("-"):
            return f"there is no verb {' '.join((*verb, word))}"
        else:
            break
    takes = verbs()[verb][0]
    asked = [word.partition("=")[0] for word in words if re.match(r"-{1,2}[a-zA-Z]", word)]
    unknown = [name for name in asked if name not in takes and not name.endswith("…")]
    if unknown:
        return f"{' '.join(verb) or 'ceruleanml'} takes no {unknown[0]}"
    by_settings = verb in (("train",), ("train-ensemble",)) and "--task" not in words
    return wrong_setting(words) if by_settings else None


@cache
def settings_names():
    from ceruleanml.models.config import TrainConfig, settings
    from ceruleanml.models.groups import PRESETS

    return {name for name, _, _ in settings(TrainConfig())} | set(PRESETS)


def wrong_setting(words):
    named = [word.partition("=")[0].lstrip("+~") for word in words if re.match(r"[+~]?[a-z_.]+=", word)]
    unknown = [name for name in named if name not in settings_names()]
    return f"train knows no setting {unknown[0]}" if unknown else None


def wrong_target(words, homes=("Makefile",)):
    """The first word behind `make` that is no target; None where all are."""
    if words[:2] == ["-C", "gcpvm"]:
        words, homes = words[2:], ("gcpvm/Makefile",)
    targets = {name for home in homes for name in make_targets(ROOT / home)}
    named = [word for word in words if re.match(r"[a-z]", word) and "=" not in word and "…" not in word]
    return next((f"make has no target {name}" for name in named if name not in targets), None)


def shown(page):
    """(where, words) of each command that a page shows, in fences and in sentences."""
    for fence in fences(text_of(page)):
        if (script := typed(fence)) is not None:
            for words in simple_commands(script):
                yield f"{page}:{fence.line}", words
    for span in spans(text_of(page)):
        if re.match(r"(ceruleanml|make) ", span) and " needs " not in span:  # what they print is no command
            yield f"{page}: `{span}`", simple_commands(span)[0]


@pytest.mark.parametrize("page", WRITTEN)
def test_verbs_options_settings_and_targets_exist(page):
    wrong = []
    for where, words in shown(page):
        behind = after(words, is_ceruleanml)
        if (settings := after(words, "scripts/train.py".__eq__)) is not None:
            behind = ["train", *settings]
        if behind and (told := wrong_in(behind)):
            wrong.append(f"{where}: {told}")
        homes = ("gcpvm/Makefile", "Makefile") if page.startswith("gcpvm/") else ("Makefile",)
        if words[0] == "make" and (told := wrong_target(words[1:], homes)):
            wrong.append(f"{where}: {told}")
    assert wrong == []


@cache
def any_options():
    """Every option of any verb, and a word of every name in the scripts, whose options are made of their parameters."""
    scripts = [path for folder in ("scripts", "data-processing") for path in (ROOT / folder).glob("*.py")]
    words = {name for path in scripts for name in re.findall(r"\b[a-z]\w+", path.read_text())}
    return {f"--{word.replace('_', '-')}" for word in words}.union(*(takes for takes, _ in verbs().values()))


@pytest.mark.parametrize("page", WRITTEN)
def test_options_that_sentences_name_are_some_commands(page):
    named = {word.rstrip(":").partition("=")[0] for span in spans(text_of(page)) for word in span.split()[:1]}
    asked = {name for name in named if re.fullmatch(r"--?[a-zA-Z][\w-]*", name)}
    assert asked - any_options() == set()


@pytest.mark.parametrize("page", WRITTEN)
def test_files_of_the_repository_that_are_named_exist(page):
    read = text_of(page)
    named = {span for span in spans(read) if FILES.fullmatch(span)}
    for fence in fences(read):
        named |= {word for words in simple_commands(typed(fence) or "") for word in words if FILES.fullmatch(word)}
    assert {name for name in named if not (ROOT / name).exists()} == set()


def test_the_shell_reads_every_script():
    scripts = [(page, fence) for page in WRITTEN for fence in fences(text_of(page)) if typed(fence) is not None]
    assert len(scripts) > 40
    if unread("\n".join(f"read_{number}() {{\n{typed(one)}\n:\n}}" for number, (_, one) in enumerate(scripts))):
        wrong = [f"{page}:{fence.line}: {told}" for page, fence in scripts if (told := unread(typed(fence)))]
        pytest.fail("\n".join(wrong))


def unread(script):
    """What bash says of a script that it cannot read; nothing is run."""
    return finished(["bash", "-n", "-c", script]).stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("make-dataset scenes --out sets --tile-size 256", None),
        ("labels list store --json", None),
        ("--version", None),
        ("VERB --anything", None),
        ("labels … --anything", None),
        ("predict runs/first S1A_….SAFE --tile 3", "predict takes no --tile"),
        ("predict runs/first scene.SAFE --out=slicks", None),
        ("train data.train=sets run=runs/a model=unet +trainer.epochs=3", None),
        ("predicts runs/first", "there is no verb predicts"),
        ("labels listing", "there is no verb labels listing"),
        ("predict runs/first --tiles", "predict takes no --tiles"),
        ("labels list store --tile-size 3", "labels list takes no --tile-size"),
        ("train data.train=sets trainer.epoch=3", "train knows no setting trainer.epoch"),
    ],
)
def test_what_is_wrong_with_a_command(command, told):
    assert wrong_in(command.split()) == told


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("demo", None),
        ("train DATA=sets RUN=runs/a", None),
        ("-C gcpvm help", None),
        ("vm-…", None),
        ("vm-apply syncup", None),
        ("vm-applied", "make has no target vm-applied"),
        ("-C gcpvm vm-apply", "make has no target vm-apply"),
    ],
)
def test_what_is_wrong_with_a_target(words, told):
    assert wrong_target(words.split()) == told


def test_a_script_is_cut_as_a_shell_cuts_it():
    script = (
        "cd x && make_it \"a b\" \\\n  --out c  # a comment, isn't it\nfor p in 1 2; do\n  f 'x\ny' | g > h\ndone\n"
    )
    assert simple_commands(script) == [
        ["cd", "x"], ["make_it", "a b", "--out", "c"], ["for", "p", "in", "1", "2"], ["do"],
        ["f", "x\ny"], ["g"], ["h"], ["done"],
    ]  # fmt: skip
