"""Which relations between entities are asked about, and in which words?"""

from __future__ import annotations

from dataclasses import dataclass

from strata.experiments.items.knowledge.templates import Template

N_EXAMPLES = 4


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
    def templates(self) -> tuple[Template, ...]:
        return (
            Template("plain", self.plain),
            Template("variant", self.variant),
            Template("question", self.question),
            self.few_shot,
        )

    @property
    def few_shot(self) -> Template:
        forms = {"plain": self.plain, "variant": self.variant, "question": self.question, "short": self.short}
        joint = {"question": "\n\n", "short": "\n"}.get(self.worked, ".\n")
        return Template("few_shot", forms[self.worked], N_EXAMPLES, joint)


def _question(text: str, answer_start: str = "") -> str:
    return f"Question: {text}\nAnswer:{answer_start}"


RELATIONS: tuple[Relation, ...] = (
    Relation(
        "capital", "geography", "The capital of a country.",
        "The capital of {x} is", "The capital city of {x} is called",
        _question("What is the capital of {x}?", " The capital is"), "Country: {x}. Capital:",
    ),
    Relation(
        "currency", "geography", "What a country's money is called; many countries share a name.",
        "The currency of {x} is the", "The national currency of {x} is called the",
        _question("What is the currency of {x} called?", " The currency is the"), "Country: {x}. Currency: the", worked="short",
    ),
    Relation(
        "language", "geography", "The official language of a country; many countries share one.",
        "The official language of {x} is", "The people who live in {x} mostly speak",
        _question("What is the official language of {x}?", " The official language is"), "Country: {x}. Language:", worked="question",
    ),
    Relation(
        "continent", "geography", "The continent a country lies on.",
        "The country of {x} is part of the continent of", "Geographically, {x} is a country in",
        _question("Which continent does {x} belong to?", " It belongs to"), "Country: {x}. Continent:", worked="question",
    ),
    Relation(
        "city", "geography", "The country that a city other than the capital is in.",
        "The city of {x} is in the country of", "People who live in {x} are citizens of",
        _question("Which country is the city of {x} in?", " It is in"), "City: {x}. Country:", worked="question",
    ),
    Relation(
        "landmark", "geography", "The country where a landmark stands.",
        "To see {x}, a tourist travels to the country of", "The country where you can visit {x} is",
        _question("Which country is {x} in?", " It is in"), "Landmark: {x}. Country:", worked="short",
    ),
    Relation(
        "company", "business", "The home country of a company.",
        "The company {x} comes from the country of", "The headquarters of {x} are in the country of",
        _question("Which country is the company {x} from?", " It is from"), "Company: {x}. Country:",
    ),
    Relation(
        "symbol", "chemistry", "The symbol of a chemical element.",
        "The chemical symbol for {x} is", "In the periodic table, {x} is written as",
        _question("What is the chemical symbol for {x}?", " The chemical symbol is"), "Element: {x}. Symbol:",
    ),
    Relation(
        "element", "chemistry", "The element with an atomic number.",
        "The element with atomic number {x} is", "An atom with {x} protons is an atom of",
        _question("Which element has the atomic number {x}?", " The element is"), "Atomic number: {x}. Element:", worked="question",
    ),
    Relation(
        "author", "literature", "Who wrote a book, play or poem.",
        "The author of {x} is", "The literary work {x} was written by",
        _question("Who wrote {x}?", " It was written by"), "Book: {x}. Author:", worked="question",
    ),
    Relation(
        "composer", "music", "Who composed a piece of music.",
        "The composer of {x} is", "The music of {x} was written by",
        _question("Who composed {x}?", " It was composed by"), "Work: {x}. Composer:",
    ),
    Relation(
        "nationality", "people", "The nationality of a well-known person.",
        "The nationality of {x} was", "By nationality, {x} was",
        _question("What was the nationality of {x}?", " The nationality was"), "Person: {x}. Nationality:",
    ),
    Relation(
        "animal_class", "biology", "The class of animals that a kind belongs to.",
        "In biology, the {x} is classified as a kind of", "Scientists classify the {x} as a type of",
        _question("What class of animal is the {x}?", " It is a kind of"), "Animal: {x}. Class:",
    ),
    Relation(
        "drug_class", "medicine", "The class that a drug belongs to.",
        "The drug {x} belongs to the class of", "The medicine {x} is one of a group of drugs called",
        _question("Which class of drugs does {x} belong to?", " It belongs to the class of"), "Drug: {x}. Class:", worked="short",
    ),
    Relation(
        "treats", "medicine", "The condition that a drug is best known for treating.",
        "The drug {x} is used to treat", "The medicine {x} is prescribed to people who suffer from",
        _question("Which condition is {x} used to treat?", " It is used to treat"), "Drug: {x}. Treats:",
    ),
    Relation(
        "infection_agent", "medicine", "Whether a virus, bacterium, fungus, parasite or prion causes a disease.",
        "The infectious agent that causes {x} is a", "In medicine, {x} is known to be caused by a",
        _question("What kind of agent causes {x}?", " It is caused by a"), "Disease: {x}. Agent: a",
    ),
    Relation(
        "disease_organ", "medicine", "The part of the body that a disease affects.",
        "The disease {x} mainly affects the", "In patients with {x}, the affected part of the body is the",
        _question("Which part of the body does {x} mainly affect?", " the"), "Disease: {x}. Affects: the",
    ),
    Relation(
        "specialist", "medicine", "The medical specialist who treats a condition.",
        "The doctor who treats {x} is called a", "The specialist to see about {x} is a",
        _question("Which specialist treats {x}?", " It is treated by a"), "Condition: {x}. Specialist: a",
    ),
    Relation(
        "medical_root", "medicine", "The part of the body that a combining form in medical terms stands for.",
        "In medical terms, the prefix {x}- refers to the", "Medical words that begin with {x}- are about the",
        _question("What does the medical prefix {x}- refer to?", " It refers to the"), "Prefix: {x}-. Meaning: the",
    ),
)  # fmt: skip

BY_NAME = {relation.name: relation for relation in RELATIONS}
