"""Is a post one self-contained question with a verifiable answer? Rules on its text, with or without fences.

Posts are stripped of what people write around a problem first; then the rules look for the one fault that
says most about the post, in the order of `_FAULTS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from tasks.models.rehearsal.chatter import without_chatter
from tasks.models.rehearsal.words import plain

_SENTENCE = re.compile(r"(?<=[.?;])\s+|(?<=[a-z]{2}!)\s+|\n+")
_WH = re.compile(r"\b(?:what|which|how|who|when|where|find|determine|compute|calculate|evaluate)\b", re.I)
_ASKS = re.compile(
    r"\?|\b(?:true or false|find|determine|compute|calculate|evaluate|solve|simplify|factori[sz]e|factor"
    r"|express|give"
    r"|prove|show"
    r"|expand|write|list|count|integrate|differentiate|sketch|explain|describe|what|how many|use)\b",
    re.IGNORECASE,
)
_MATHS = re.compile(
    r"[\d=+^<>\\$≤≥√]|\b(?:integers?|primes?|polynomials?|functions?|sequences?|triangles?|circle|sum"
    r"|product|group"
    r"|matrix|set"
    r"|number|numbers|vector|cube|polyhedron|probability|square|angle|edges?|graph|series|limit|equation)\b",
    re.IGNORECASE,
)
_TASK = re.compile(r"\b(?:how many|factori[sz]e|simplify|evaluate|compute)\b", re.IGNORECASE)
_IMAGE = re.compile(
    r"\b(?:in|from|see|as in|shown in|on) the (?:\w+ )?(?:figure|diagram|picture|image|drawing|sketch"
    r"|graph|photo)"
    r"(?: (?:below|above|shown|attached))?\b(?! of\b)|\b(?:figure|diagram|picture|image|graph"
    r"|photo) (?:below|above|attached)"
    r"|\b(?:shown|pictured) (?:below|above|here)\b|!\[|<img\b|\[img|imgur|\.(?:png|jpe?g|gif)\b"
    r"|\battached (?:image|file)",
    re.IGNORECASE,
)
_DRAWN = re.compile(r"\[asy\]|\\begin\{(?:tikzpicture|tabular|array)\}")
_CONTEXT = re.compile(
    r"\b(?:previous|preceding|last|earlier|prior) (?:problem|question|exercise|part|post|example|thread"
    r"|section)\b"
    r"|\b(?:as in|from|see|using|of|in) (?:the )?(?:exercise|theorem|lemma|example|problem|question|part"
    r"|section)"
    r" (?:\(?[a-z]\)|\d)|\bthe above (?:equation|function|problem|theorem|formula|sequence|definition"
    r"|question)\b"
    r"|\b(?:defined|given|mentioned|described|stated) (?:above|earlier|previously)\b|\bmy (?:earlier"
    r"|other|last) (?:post|question)"
    r"|\bthe same (?:setup|conditions|notation|assumptions) as\b|\bcontinu(?:ed|ing) from\b|\bthe linked\b",
    re.IGNORECASE,
)
_CHOICES = re.compile(
    r"\(A\).{1,200}\(B\).{1,200}\(C\)|(?:^|\n)\s*A[.)].+\n\s*B[.)].+"
    r"|\\textbf\{\(A\)",
    re.DOTALL,
)
_WHICH_OF = re.compile(r"\bwhich (?:one )?of the (?:following|these|options)\b|\bchoose the correct\b", re.I)
_PROOF = re.compile(
    r"(?:^|[.,;:]\s*|\bthen\s+|\bto\s+)(?:please )?(?:prove|show|demonstrate|verify|disprove) (?:that"
    r"|or disprove|the|by|:|it|for|if)"
    r"|^prove\b|\b(?:a|any|the|give) (?:\w+ )?proof (?:of|that|for)\b|\b(?:can|do|would|could"
    r"|to) (?:i|we|you|one) prove\b"
    r"|\bhow to prove\b|\bprove (?:this|it)\b|\bprove or disprove\b",
    re.IGNORECASE | re.MULTILINE,
)
_PARTS = re.compile(
    r"(?:^|[\s.;:])(?:\(?(?:a|i|1)\)|part (?:a|1)\b).+?(?:^|[\s.;:])(?:\(?(?:b|ii|2)\)|part (?:b|2)\b)",
    re.I | re.DOTALL,
)
_ALSO = re.compile(
    r"\b(?:and )?(?:also|additionally|furthermore|secondly|next),? (?:find|determine|compute|calculate"
    r"|what|how)",
    re.I,
)
_YES_NO = re.compile(
    r"^(?:[^?]*[,;:] *(?:then |so )?)?(?:is|are|was|were|do|does|did|can|could|must|will|would|has|have"
    r"|should)"
    r" (?:it|there|this|that|these|the|a|an|all|any|every|each|we|you|some|both|its|their|[a-z0-9$\\({"
    r"|][^ ]*)\b",
    re.IGNORECASE,
)
_WHETHER = re.compile(
    r"\b(?:determine|decide|find out|state|check|tell|say) (?:if|whether)\b|\btrue or false\b|\byes or no\b",
    re.IGNORECASE,
)
_AND_IF_SO = re.compile(r"\bif so\b", re.I)
_OPEN = re.compile(
    r"\bwhy\b|\bexplain\b|\bintuition|\bdescribe\b|\bwhat does .{1,60} mean\b|\bgive an example\b|\brecommend"
    r"|\bhow (?:do|does|can|could|should|would|to) |\bis there (?:a|an|any) (?:better|easier|nice|good"
    r"|simple|other|way|method)"
    r"|\bwhat (?:is|are) the (?:meaning|best way|idea|motivation|use|point)\b|\bsketch\b|\bdiscuss\b"
    r"|\bopinion"
    r"|\bi (?:tried|don'?t understand|do not understand|want to understand)\b|\bwhat is wrong\b"
    r"|\bwhat did i\b",
    re.IGNORECASE,
)
_LEAK = re.compile(
    r"\b(?:the|correct|final|right|its|known) (?:answer|solution|result) (?:is|should be|was"
    r"|turns out to be|given is)\b"
    r"|\b(?:answer|solution|ans)\s*[:=]|\(answer\b|\bthe (?:book|answer key|back of the book) (?:says"
    r"|gives)\b|\bi (?:got|get|obtained) ",
    re.IGNORECASE,
)


_BETWEEN = re.compile(r"\b([a-z])\s*>\s*(\d{1,9})\b[^.?]{0,20}?\b\1\s*<\s*(\d{1,9})\b")


def screen(post: str) -> dict[str, Any]:
    """The screener's whole answer on one post; `question` is the post without what is not the problem."""
    question = without_chatter(post)
    fault = next((name for name, has in _FAULTS if has(question)), None)
    found = f"found {fault}" if fault else "no fault found"
    return {
        "reason": f"rehearsal rule: {found}; {len(post) - len(question)} characters of chatter removed",
        "self_contained": fault not in ("missing_image", "not_self_contained", "not_a_question"),
        "single_question": fault not in ("multi_part", "not_a_question"),
        "verifiable": fault not in ("proof", "yes_no", "multiple_choice", "unverifiable", "not_a_question"),
        "drop_reason": fault,
        "answer_type": answer_type(question),
        "question": question or post.strip(),
    }


def _not_a_question(text: str) -> bool:
    return len(text.split()) < 2 or not _ASKS.search(text) or not (_MATHS.search(text) or _TASK.search(text))


def _missing_image(text: str) -> bool:
    return bool(_IMAGE.search(text)) and not _DRAWN.search(text)


def _multi_part(text: str) -> bool:
    """Lettered parts that each ask, a second instruction, or two questions that differ."""
    asks = [sentence for sentence in _sentences(text) if sentence.rstrip().endswith("?")]
    parts = _PARTS.search(text)
    asked_in_parts = bool(parts) and len(_WH.findall(text[parts.start() :] if parts else "")) >= 2
    return asked_in_parts or len(asks) >= 2 or bool(_ALSO.search(text))


def _yes_no(text: str) -> bool:
    """The last sentence asks whether, and asks for nothing else ("... and if so, find it" asks for more)."""
    last = next((sentence for sentence in reversed(_sentences(text)) if _ASKS.search(sentence)), "")
    if _AND_IF_SO.search(text):
        return False
    if _WHETHER.search(last):
        return True
    return last.rstrip().endswith("?") and not _WH.search(last) and bool(_YES_NO.search(last))


def _sentences(text: str) -> list[str]:
    return [sentence for sentence in _SENTENCE.split(text) if sentence and sentence.strip()]


_FAULTS: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("missing_image", _missing_image),
    ("not_a_question", _not_a_question),
    ("not_self_contained", lambda text: bool(_CONTEXT.search(text))),
    ("multiple_choice", lambda text: bool(_CHOICES.search(text) or _WHICH_OF.search(text))),
    ("answer_leaked", lambda text: bool(_LEAK.search(text))),
    ("proof", lambda text: bool(_PROOF.search(text)) and not re.search(r"\bwith proof\b", text, re.I)),
    ("multi_part", _multi_part),
    ("yes_no", _yes_no),
    ("unverifiable", lambda text: bool(_OPEN.search(text))),
    ("invalid", lambda text: any(int(low) >= int(high) for _, low, high in _BETWEEN.findall(text))),
)

_TYPES: tuple[tuple[str, str], ...] = (
    ("expression", r"\b(?:as an? (?:expression|function)|in terms of|closed[- ]form|factori[sz]e|simplify"
     r"|find the polynomial"
     r"|formula)\b"),
    ("interval", r"\b(?:interval|range of)\b"),
    ("matrix", r"\bfind the (?:\w+ )?matrix\b|\bwhat matrix\b"),
    ("equation", r"\b(?:find|write|what is) (?:an?|the) equation\b"),
    ("tuple", r"\b(?:find|determine|compute) (?:the )?(?:ordered )?(?:pair|triple|tuple)\b"
     r"|\bfind [a-z], [a-z]"),
    ("set", r"\b(?:find|determine|list|what are) (?:all|the) (?:possible |integer |real |positive |prime "
     r"|non-negative )*"
     r"(?:solutions|values|pairs|triples|numbers|integers|functions|roots|x\b)"),
    ("inequality", r"\b(?:find|state) (?:an?|the) inequality\b"),
    ("list", r"\blist\b|\bin (?:increasing|decreasing|ascending) order\b"),
    ("number", r"\b(?:how many|number of|probability|remainder|value of|smallest|largest|minimum|maximum"
     r"|least|greatest"
     r"|sum of|product of|limit|area|volume|length|find [a-z]_?\d*\b|mod|what is|compute|evaluate"
     r"|calculate)\b"),
)  # fmt: skip


def answer_type(question: str) -> str:
    """The kind of thing that is asked for; "expression" where nothing says so."""
    text = plain(question)
    if _yes_no(question):
        return "text"
    return next((kind for kind, words in _TYPES if re.search(words, text)), "expression")
