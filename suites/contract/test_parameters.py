"""Are a request's parameters kept?"""

from gonogo.errors import Unsupported
from gonogo.plugin import check, expect_kept
from gonogo.probes.chat import Chat
from gonogo.rules.completions import choices_of, logprob_flaws

LIMIT = 12


@check("contract.parameters.stop", severity="major", covers=["C8"])
def test_parameters_stop(exact_chat: Chat, prompt: str) -> None:
    """A stop sequence ends the answer just before it appears."""
    whole = exact_chat.complete(prompt, max_tokens=LIMIT).text
    word = next((word for word in whole.split()[3:] if len(word) > 3), "")
    if not word:
        raise Unsupported(f"the answer has no word to stop at: {whole!r}")
    cut = exact_chat.ask(prompt, stop=[word], max_tokens=LIMIT)
    flaws = [] if word not in cut.text else [f"stop {word!r} stands in {cut.text!r}"]
    flaws += [] if whole.startswith(cut.text.rstrip()) else [f"{cut.text!r} is not the beginning of {whole!r}"]
    flaws += [] if cut.finish_reasons == ("stop",) else [f"finish_reason {cut.finish_reasons}"]
    expect_kept("stop", exact_chat.model, cut.status, flaws)


@check("contract.parameters.stop_anywhere", severity="major", covers=["C8"])
def test_parameters_stop_anywhere(chat: Chat, prompt: str) -> None:
    """No answer goes beyond a stop sequence that every text has, whether the model is deterministic or not."""
    answer = chat.ask(f"{prompt} Responde con una frase.", stop=["a", "e", "o"], max_tokens=LIMIT)
    found = [letter for letter in "aeo" if letter in answer.text]
    expect_kept("stop", chat.model, answer.status, [f"stop {found} stands in {answer.text!r}"] if found else [])


@check("contract.parameters.repeatable", severity="major", covers=["C8"])
def test_parameters_repeatable(exact_chat: Chat, prompt: str) -> None:
    """The same request at temperature 0 has the same answer, where the model is deterministic."""
    first, again = (exact_chat.complete(prompt, max_tokens=LIMIT).text for _ in range(2))
    assert first == again, f"first {first!r}, again {again!r}"


@check("contract.parameters.seed", severity="minor", covers=["C8"])
def test_parameters_seed(exact_chat: Chat, prompt: str) -> None:
    """The same seed has the same answer at any temperature, where the model is deterministic."""
    answers = [exact_chat.ask(prompt, seed=7, temperature=1, max_tokens=LIMIT) for _ in range(2)]
    texts = [answer.text for answer in answers]
    flaws = [] if texts[0] == texts[1] else [f"first {texts[0]!r}, again {texts[1]!r}"]
    expect_kept("seed", exact_chat.model, answers[1].status, flaws)


@check("contract.parameters.n", severity="minor", covers=["C8"])
def test_parameters_n(chat: Chat, prompt: str) -> None:
    """Two choices are given where two are asked for."""
    answer = chat.ask(prompt, n=2, temperature=1, max_tokens=2)
    indices = [choice.get("index") for choice in choices_of(answer.body)]
    flaws = [] if sorted(map(str, indices)) == ["0", "1"] else [f"the choices have the indices {indices}"]
    expect_kept("n", chat.model, answer.status, flaws)


@check("contract.parameters.logprobs", severity="minor", covers=["C8"])
def test_parameters_logprobs(chat: Chat, prompt: str) -> None:
    """Log probabilities are given where they are asked for, and the finish_reason with them."""
    answer = chat.ask(prompt, logprobs=True, top_logprobs=1, max_tokens=2)
    choices = choices_of(answer.body)
    expect_kept("logprobs", chat.model, answer.status, logprob_flaws(choices[0]) if choices else ["no choices"])
