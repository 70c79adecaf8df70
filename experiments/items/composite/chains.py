"""Which facts are chained through a bridge entity, and in which words?"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from strata.experiments.items.knowledge.relations import BY_NAME, N_EXAMPLES, Relation
from strata.experiments.items.knowledge.tables import bare, facts
from strata.experiments.items.knowledge.templates import Template


@dataclass(frozen=True)
class Link:
    """One two-hop fact: subject -> bridge -> answer, all without leading space."""

    subject: str
    bridge: str
    """The bridge as the first hop answers it."""
    bridge_subject: str
    """The bridge as the second hop asks about it (`the Netherlands` for `Netherlands`)."""
    answer: str


@dataclass(frozen=True)
class Chain:
    """Two relations of which the first's answers are the second's subjects.

    Every frame takes the subject and the bridge alike, so that the one-hop partner of an item is the same text
    with the bridge in the slot: what tells the two apart is then what has to be looked up, not the format.
    """

    name: str
    """Family name."""
    domain: str
    """Subject area."""
    about: str
    """One sentence for the list of families."""
    first: Relation
    """Subject to bridge."""
    second: Relation
    """Bridge to answer."""
    plain: str
    """The statement that the answer completes."""
    variant: str
    """The same in other words."""
    question: str
    """The same as a question."""
    worked: str = "plain"
    """Which of these forms the worked examples take."""

    @cached_property
    def links(self) -> tuple[Link, ...]:
        second = {bare(fact.subject): fact for fact in facts(self.second.name)}
        return tuple(
            Link(fact.subject, fact.answer, second[bare(fact.answer)].subject, second[bare(fact.answer)].answer)
            for fact in facts(self.first.name)
            if bare(fact.answer) in second
        )

    @cached_property
    def templates(self) -> tuple[Template, ...]:
        """Three plain ones, worked examples, and `matched`.

        `matched` mentions an unrelated entity of the other type: over a set of items, two-hop and one-hop texts
        then hold the very same words, and only which of the two entities is asked about differs.
        """
        worked = {"plain": self.plain, "variant": self.variant, "question": self.question}[self.worked]
        joint = "\n\n" if "\n" in worked else ".\n"
        return (
            Template("plain", self.plain),
            Template("variant", self.variant),
            Template("question", self.question),
            Template("few_shot", worked, N_EXAMPLES, joint),
            Template("matched", f"Never mind {{d}}. {self.plain}", N_EXAMPLES, ".\n"),
        )


CLASS_USE = Relation(
    "class_use", "medicine", "What a class of drugs is best known for treating.",
    "The class of drugs called {x} is mainly used to treat", "Doctors mostly prescribe {x} to patients with",
    "Question: Which condition are {x} mainly used to treat?\nAnswer: They are used to treat", "Class of drugs: {x}. Treats:",
)  # fmt: skip
"""Too few facts for a family of its own; the second hop of `drug_use`."""

CHAINS: tuple[Chain, ...] = (
    Chain(
        "landmark_capital", "geography", "The capital of the country where a landmark stands.",
        BY_NAME["landmark"], BY_NAME["capital"],
        "The capital of the country of {x} is", "In the country of {x}, the capital city is",
        "Question: What is the capital of the country of {x}?\nAnswer: The capital is",
    ),
    Chain(
        "company_currency", "business", "The money of the country that a company comes from.",
        BY_NAME["company"], BY_NAME["currency"],
        "The currency of the country of {x} is the", "In the country of {x}, people pay with the",
        "Question: What is the currency of the country of {x} called?\nAnswer: The currency is the",
    ),
    Chain(
        "city_language", "geography", "The official language of the country that a city is in.",
        BY_NAME["city"], BY_NAME["language"],
        "The official language of the country of {x} is", "In the country of {x}, the people mostly speak",
        "Question: What is the official language of the country of {x}?\nAnswer: The official language is",
    ),
    Chain(
        "work_nationality", "literature", "The nationality of the author of a work.",
        BY_NAME["author"], BY_NAME["nationality"],
        "In the case of {x}, the nationality of the author was", "Regarding {x}: by nationality, the writer was",
        "Question: In the case of {x}, what was the nationality of the author?\nAnswer: The nationality was",
    ),
    Chain(
        "number_symbol", "chemistry", "The chemical symbol of the element with an atomic number.",
        BY_NAME["element"], BY_NAME["symbol"],
        "The chemical symbol of element {x} is", "In the periodic table, element {x} is written as",
        "Question: What is the chemical symbol of element {x}?\nAnswer: The chemical symbol is",
    ),
    Chain(
        "drug_use", "medicine", "What the class of drugs that a drug belongs to is best known for treating.",
        BY_NAME["drug_class"], CLASS_USE,
        "The drug class of {x} is mainly used to treat", "Doctors prescribe the drug class of {x} to patients with",
        "Question: Which condition is the drug class of {x} mainly used to treat?\nAnswer: It is used to treat",
    ),
)  # fmt: skip
