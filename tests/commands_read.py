"""Commands that pages show, cut into words as a shell cuts them."""

import re
import shlex

PROMPT = re.compile(r"^(?:\w+@\w+:\S*)?[$#] ")
SEPARATORS = set("();<>|&\n")


def typed(fence):
    """What a reader would type of a fence; None for one that holds no commands."""
    if fence.language in ("sh", "bash"):
        return fence.content
    if fence.language == "console":
        lines = re.sub(r"\\\n", " ", fence.content).split("\n")
        return "\n".join(PROMPT.sub("", line) for line in lines if PROMPT.match(line))
    return None


def simple_commands(script):
    """The words of each simple command, in order; comments, quotes and separators are gone."""
    plain = re.sub(r"(^|[ \t])#[^\n]*", r"\1", script.replace("\\\n", " "))
    reader = shlex.shlex(plain, posix=True, punctuation_chars="();<>|&\n")
    reader.whitespace, reader.commenters = " \t", ""
    reader.whitespace_split = True
    commands = [[]]
    for word in reader:
        if word and set(word) <= SEPARATORS:
            commands.append([])
        else:
            commands[-1].append(word)
    return [words for words in commands if words]


def after(words, is_program):
    """What stands behind a program's name, wherever it stands; None where it does not stand there."""
    for place, word in enumerate(words):
        if is_program(word):
            return words[place + 1 :]
    return None


def is_ceruleanml(word):
    """Whether a word calls the program."""
    return word in ("ceruleanml", "$CERULEANML") or word.endswith("bin/ceruleanml")
