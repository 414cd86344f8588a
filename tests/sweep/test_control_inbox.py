from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from atlas.storage.filesystem import StoragePath
from atlas.sweep.control import Answer, ControlJournal, Pending
from atlas.sweep.control_inbox import ControlInbox


@dataclass
class Tag:
    """A tag in this process; `away` is how often it does not answer."""

    text: str = ""
    away: int = 0
    answers: list[str] = field(default_factory=list)

    def words(self) -> str:
        """The words."""
        if self.away:
            self.away -= 1
            raise ConnectionError("the server is away")
        return self.text

    def clear(self) -> None:
        """Take them away."""
        self.text = ""

    def answer(self, words: str) -> None:
        """Keep the answer."""
        self.answers.append(words)


def journal_in(folder: Path) -> ControlJournal:
    return ControlJournal.of(StoragePath.at(folder))


def test_the_words_of_the_tag_become_a_command_and_its_answer_is_shown(tmp_path: Path) -> None:
    journal, tag = journal_in(tmp_path), Tag("prune a,b", away=1)
    inbox = ControlInbox(journal, tag)
    inbox.look()
    assert journal.pending() == Pending()
    inbox.look()
    inbox.look()
    (posted,) = journal.pending().commands
    assert (str(posted.command), tag.text, tag.answers) == ("prune a,b", "", [])
    journal.answer(posted, Answer(applied=True, words="pruned"))
    inbox.look()
    inbox.look()
    assert tag.answers == ["pruned"]


def test_words_that_are_no_command_are_answered_and_taken_away(tmp_path: Path) -> None:
    journal, tag = journal_in(tmp_path), Tag("pasue")
    ControlInbox(journal, tag).look()
    assert journal.pending() == Pending()
    assert tag.text == ""
    assert "Did you mean 'pause'?" in tag.answers[0]
