"""Which relations between entities are asked about, and in which words?"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.items.knowledge.wordings import Wording

SHOTS = 4


@dataclass(frozen=True)
class Relation:
    """One kind of fact, as it is asked for."""

    name: str
    """Family name, and the name of its table of facts."""
    domain: str
    """Subject area."""
    about: str
    """One sentence for the list of families."""
    plain: str
    """The statement that the answer completes."""
    variant: str
    """The same in other words."""
    question: str
    """The same as a question."""
    short: str
    """The same as a form with labels, which only worked examples make clear."""
    worked: str = "plain"
    """Which of these forms the worked examples take: the one that the embedded model answers best."""

    @property
    def wordings(self) -> tuple[Wording, ...]:
        return (
            Wording("plain", self.plain),
            Wording("variant", self.variant),
            Wording("question", self.question),
            self.few_shot,
        )

    @property
    def few_shot(self) -> Wording:
        frame = {"plain": self.plain, "variant": self.variant, "question": self.question, "short": self.short}[
            self.worked
        ]
        return Wording(
            "few_shot", frame, shots=SHOTS, joint="\n\n" if "\n" in frame else ".\n" if self.worked != "short" else "\n"
        )


def _question(text: str, opening: str = "") -> str:
    return f"Question: {text}\nAnswer:{opening}"


RELATIONS: tuple[Relation, ...] = (
    Relation(
        "capital", "geography", "The capital of a country.",
        "The capital of {x} is", "The seat of government of {x} is in the capital city,",
        _question("What is the capital of {x}?"), "Country: {x}. Capital:",
    ),
    Relation(
        "currency", "geography", "What a country's money is called; many countries share a name.",
        "The currency of {x} is the", "In shops in {x} people pay with the",
        _question("What is the currency of {x} called?", " the"), "Country: {x}. Currency: the",
    ),
    Relation(
        "language", "geography", "The official language of a country; many countries share one.",
        "The official language of {x} is", "The people who live in {x} mostly speak",
        _question("What is the official language of {x}?"), "Country: {x}. Language:",
    ),
    Relation(
        "continent", "geography", "The continent a country lies on.",
        "The country {x} lies on the continent of", "On a map of the world, {x} is found in",
        _question("Which continent does {x} belong to?"), "Country: {x}. Continent:",
    ),
    Relation(
        "city", "geography", "The country that a city other than the capital is in.",
        "The city of {x} is in the country of", "People who live in {x} are citizens of",
        _question("Which country is the city of {x} in?"), "City: {x}. Country:",
    ),
    Relation(
        "landmark", "geography", "The country where a landmark stands.",
        "To see {x}, a tourist travels to the country of", "The country where you can visit {x} is",
        _question("Which country is {x} in?"), "Landmark: {x}. Country:",
    ),
    Relation(
        "company", "business", "The home country of a company.",
        "The company {x} comes from the country of", "The headquarters of {x} are in the country of",
        _question("Which country is the company {x} from?"), "Company: {x}. Country:",
    ),
    Relation(
        "symbol", "chemistry", "The symbol of a chemical element.",
        "The chemical symbol for {x} is", "In the periodic table, {x} is written as",
        _question("What is the chemical symbol for {x}?"), "Element: {x}. Symbol:",
    ),
    Relation(
        "element", "chemistry", "The element with an atomic number.",
        "The element with atomic number {x} is", "An atom with {x} protons is an atom of",
        _question("Which element has the atomic number {x}?"), "Atomic number: {x}. Element:",
    ),
    Relation(
        "author", "literature", "Who wrote a book, play or poem.",
        "The author of {x} is", "The literary work {x} was written by",
        _question("Who wrote {x}?"), "Book: {x}. Author:",
    ),
    Relation(
        "composer", "music", "Who composed a piece of music.",
        "The composer of {x} is", "The music of {x} was written by",
        _question("Who composed {x}?"), "Work: {x}. Composer:",
    ),
    Relation(
        "nationality", "people", "The nationality of a well-known person.",
        "The nationality of {x} was", "By nationality, {x} was",
        _question("What was the nationality of {x}?"), "Person: {x}. Nationality:",
    ),
    Relation(
        "animal_class", "biology", "The class of animals that a kind belongs to.",
        "In biology, the {x} is classified as a kind of", "Every {x} is a type of",
        _question("What class of animal is the {x}?"), "Animal: {x}. Class:",
    ),
    Relation(
        "drug_class", "medicine", "The class that a drug belongs to.",
        "The drug {x} belongs to the class of", "In pharmacology, {x} is one of the",
        _question("Which class of drugs does {x} belong to?"), "Drug: {x}. Class:",
    ),
    Relation(
        "treats", "medicine", "The condition that a drug is best known for treating.",
        "The drug {x} is used to treat", "Doctors prescribe {x} to patients with",
        _question("Which condition is {x} used to treat?"), "Drug: {x}. Treats:",
    ),
    Relation(
        "infection_agent", "medicine", "Whether a virus, bacterium, fungus, parasite or prion causes a disease.",
        "The infectious agent that causes {x} is a", "In medicine, {x} is known to be caused by a",
        _question("What kind of agent causes {x}?", " a"), "Disease: {x}. Agent: a",
    ),
    Relation(
        "disease_organ", "medicine", "The part of the body that a disease affects.",
        "The disease {x} mainly affects the", "In patients with {x}, the affected part of the body is the",
        _question("Which part of the body does {x} mainly affect?", " the"), "Disease: {x}. Affects: the",
    ),
    Relation(
        "specialist", "medicine", "The medical specialist who treats a condition.",
        "The doctor who treats {x} is called a", "A patient with {x} should see a",
        _question("Which specialist treats {x}?", " a"), "Condition: {x}. Specialist: a",
    ),
    Relation(
        "medical_root", "medicine", "The part of the body that a combining form in medical terms stands for.",
        "In medical terms, the prefix {x}- refers to the", "Medical words that begin with {x}- are about the",
        _question("What does the medical prefix {x}- refer to?", " the"), "Prefix: {x}-. Meaning: the",
    ),
)  # fmt: skip

BY_NAME = {relation.name: relation for relation in RELATIONS}
