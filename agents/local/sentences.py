"""Cuts streaming text into sentences as early as is safe: one is heard while the next is made.

A full stop ends a sentence only when white space follows and it does not belong to an
abbreviation, an initial, a number or a list mark; so the splitter holds back text until it has
seen what follows. The first piece may be cut earlier, at a clause, because somebody waits in
silence for it. Pure.
"""

import re

FIRST_CLAUSE_CHARACTERS = 24
"""From this length on the first piece is cut at a comma, colon, semicolon or dash."""
LONGEST_CHARACTERS = 280
"""A piece never grows longer; cut at a clause, else between words, else in the middle of a word."""

_SHORT_FORMS = """
mr mrs ms dr prof st ave rd blvd apt dept no nr vs etc approx ext tel inc ltd corp co jr sr
jan feb mar apr jun jul aug sep sept oct nov dec mon tue tues wed thu thurs fri sat sun
e.g i.e a.m p.m u.s u.k min hr hrs gen col sgt capt rev hon fig vol
"""
_ABBREVIATIONS = frozenset(_SHORT_FORMS.split())
_OFTEN_LAST = frozenset(
    (
        "etc",
        "a.m",
        "p.m",
        "inc",
        "ltd",
        "corp",
        "co",
        "jr",
        "sr",
        "st",
        "ave",
        "rd",
        "blvd",
        "hr",
        "hrs",
    )
)
"""Abbreviations that do end a sentence when a capital letter follows."""

_END = re.compile(r"[.!?\u2026\u3002]+[\"'\u201d\u2019)\]]*(?=\s)|\n\s*\n|\n(?=\s*[-*•\d])")
_CLAUSE = re.compile(r"[,;:](?=\s)|\s[\u2013\u2014-](?=\s)|[\u2013\u2014](?=\w)")
_LAST_WORD = re.compile(r"(\S+)$")
_INITIAL = re.compile(r"^(?:[^\W\d_]\.)*[^\W\d_]$")
_LIST_MARK = re.compile(r"(?:^|\n)\s*\d{1,3}$")


class SentenceSplitter:
    """Takes text as it is generated, gives sentences. Feed, then `flush` once at the end."""

    def __init__(self, first_clause_characters: int = FIRST_CLAUSE_CHARACTERS) -> None:
        """Set where the first piece may be cut at a clause; 0 waits for whole sentences."""
        self._first_clause = first_clause_characters
        self._held = ""
        self._has_given = False

    def feed(self, delta: str) -> list[str]:
        """Add text; return the sentences that are complete now, stripped, possibly none."""
        self._held += delta
        given: list[str] = []
        while (cut := self._next_cut()) is not None:
            piece, self._held = self._held[:cut].strip(), self._held[cut:]
            if piece:
                given.append(piece)
                self._has_given = True
        return given

    def flush(self) -> list[str]:
        """Return what is left and start afresh: the next text is a new one."""
        given = self.feed("\n\n")
        self._held = ""
        self._has_given = False
        return given

    def _next_cut(self) -> int | None:
        text = self._held
        for match in _END.finditer(text):
            if not text[: match.end()].strip():
                continue
            verdict = _ends_sentence(text, match)
            if verdict is None:
                break
            if verdict:
                # A far sentence end must not let a piece grow over the limit.
                return self._limited(match.end())
        if not self._has_given and self._first_clause:
            for clause in _CLAUSE.finditer(text):
                if len(text[: clause.end()].strip()) >= self._first_clause:
                    return self._limited(clause.end())
        return self._limited(None)

    def _limited(self, cut: int | None) -> int | None:
        if (cut if cut is not None else len(self._held)) <= LONGEST_CHARACTERS:
            return cut
        head = self._held[:LONGEST_CHARACTERS]
        clauses = [clause.end() for clause in _CLAUSE.finditer(head)]
        if clauses and clauses[-1] >= LONGEST_CHARACTERS // 3:
            return clauses[-1]
        space = head.rstrip().rfind(" ")
        return space if space > 0 else LONGEST_CHARACTERS


def _ends_sentence(text: str, match: re.Match[str]) -> bool | None:
    """Whether the punctuation ends a sentence; None: cannot be told before more text has come."""
    mark = match.group()
    if mark[0] != "." or mark.startswith(".."):
        return True
    before = text[: match.start()]
    if _LIST_MARK.search(before):
        return False
    word_match = _LAST_WORD.search(before)
    word = word_match[1].lstrip("\"'\u201c\u2018([").lower() if word_match else ""
    is_abbreviation = word in _ABBREVIATIONS
    is_initial = bool(_INITIAL.match(word)) and word != "i"
    if not (is_abbreviation or is_initial):
        return True
    rest = text[match.end() :]
    if re.match(r"[^\S\n]*\n\s*\n", rest):
        return True
    following = rest.lstrip()
    if not following:
        return None
    if word in _OFTEN_LAST:
        return following[0].isupper()
    return False


def split_text(text: str) -> list[str]:
    """Return the sentences of a whole text, each at most `LONGEST_CHARACTERS` long."""
    splitter = SentenceSplitter(first_clause_characters=0)
    return splitter.feed(text) + splitter.flush()
