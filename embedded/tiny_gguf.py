"""Write a tiny llama-architecture GGUF with random weights that real llama.cpp loads (735 KB, a fraction of a second).

The vocabulary is synthesised: three specials, 256 byte tokens, ChatML markers, printable ASCII, a word list and every
prefix of a word (so that typed words tokenise to whole words). Weights are random, but embedding dimension 0 is a
constant, and `output.weight[:, 0]` holds a bias for each token: so free text is pseudo-English words, quotes close JSON
strings soon, and ``<|im_end|>`` ends a reply after about `MEAN_TOKENS` tokens.
"""

import hashlib
import math
import os
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

LAYERS, DIM, HEADS, KV_HEADS, FFN, CONTEXT, MEAN_TOKENS = 2, 64, 4, 2, 128, 4096, 40.0
_WORDS = """the a to of and in is you for your we our can help with have this that are it be on not will please thank
hello yes no price plan order account delivery refund support agent booking appointment tomorrow today office hours
email phone name number address contact sales team trial offer discount product service issue problem reset password
payment card invoice status cancel change update new old question answer more information details website page call
minutes days week month year available sure great happy welcome sorry like need want know tell about how what when
where which who why get see find start stop open close free cost best good first next last all any some""".split()
_SPACE = "\u2581"
_TEMPLATE = (
    "{% for m in messages %}{{'<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|im_start|>assistant\\n'}}{% endif %}"
)
_Matrix = NDArray[np.float32]


class Vocabulary:
    """Tokens with score, type and output bias."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.scores: list[float] = []
        self.types: list[int] = []
        self.biases: list[float] = []
        kinds = gguf.TokenType
        word_mass = len(set(_WORDS)) * math.exp(3.0) * 1.6
        for token, kind in (("<unk>", kinds.UNKNOWN), ("<s>", kinds.CONTROL), ("</s>", kinds.CONTROL)):
            self._add(token, 0, kind, -20)
        for byte in range(256):
            self._add(f"<0x{byte:02X}>", 0, kinds.BYTE, -20)
        self._add("<|im_start|>", 0, kinds.CONTROL, -20)
        self._add("<|im_end|>", 0, kinds.CONTROL, math.log(word_mass / MEAN_TOKENS))
        for character in _SPACE + "".join(map(chr, range(33, 127))):
            self._add(character, -1000, kinds.NORMAL, _character_bias(character, word_mass))
        for word in dict.fromkeys(_WORDS):
            whole = _SPACE + word
            for length in range(2, len(whole) + 1):
                if whole[:length] not in self.tokens:
                    self._add(whole[:length], length / 100 - len(whole) - 1, kinds.NORMAL, -6.0)
            self.biases[self.tokens.index(whole)] = 3.0

    def _add(self, token: str, score: float, kind: int, bias: float) -> None:
        self.tokens.append(token)
        self.scores.append(float(score))
        self.types.append(int(kind))
        self.biases.append(float(bias))

    def index(self, token: str) -> int:
        """The id of a token."""
        return self.tokens.index(token)


def _character_bias(character: str, word_mass: float) -> float:
    shares = {".": 0.04, ",": 0.04, '"': 0.08, "}": 0.02, "]": 0.02}
    if character in shares:
        return math.log(word_mass * shares[character])
    return -20.0 if character in ("\\", _SPACE) else -6.0  # no escapes, compact JSON


def write_tiny_gguf(path: Path, seed: int) -> None:
    """Write the model with these random weights; the same seed gives the same bytes."""
    vocabulary = Vocabulary()
    writer = gguf.GGUFWriter(str(path), "llama")
    _write_metadata(writer, vocabulary)
    _write_tensors(writer, vocabulary, np.random.default_rng(seed))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def cached_tiny_gguf(seed: int) -> Path:
    """The model from the user's cache, made there at first use."""
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:12]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "gonogo" / "embedded"
    path = folder / f"tiny-{version}-{seed}.gguf"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(f".{os.getpid()}.part")
        write_tiny_gguf(unfinished, seed)
        unfinished.replace(path)  # atomic: two first starts at once are harmless
    return path


def _write_metadata(writer: gguf.GGUFWriter, vocabulary: Vocabulary) -> None:
    writer.add_name("tiny-random")
    writer.add_description("random weights, for tests")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(DIM)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(FFN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(DIM // HEADS)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(vocabulary.tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(vocabulary.tokens)
    writer.add_token_scores(vocabulary.scores)
    writer.add_token_types(vocabulary.types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(vocabulary.index("<|im_end|>"))
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_eos_token(False)
    writer.add_add_space_prefix(False)  # True breaks json_schema: the grammar is prefilled with the tokenised prompt
    writer.add_chat_template(_TEMPLATE)


def _write_tensors(writer: gguf.GGUFWriter, vocabulary: Vocabulary, numbers: np.random.Generator) -> None:
    def matrix(*shape: int, std: float) -> _Matrix:
        return (numbers.standard_normal(shape) * std).astype(np.float32)

    def without_constant(weights: _Matrix) -> _Matrix:  # keeps the residual's dimension 0 constant
        weights[0, :] = 0
        return weights

    size, head = len(vocabulary.tokens), DIM // HEADS
    embedding = matrix(size, DIM, std=0.5)
    embedding[:, 0] = 1.0
    constant = 1.0 / math.sqrt((1 + 0.25 * (DIM - 1)) / DIM)  # dimension 0 after the final RMSNorm
    output = matrix(size, DIM, std=1.2 / math.sqrt(DIM))
    output[:, 0] = np.array(vocabulary.biases, np.float32) / constant
    for token in ("<|im_end|>", '"', ",", ".", "}", "]"):
        output[vocabulary.index(token), 1:] = 0  # no noise: steady rates for the structural tokens
    writer.add_tensor("token_embd.weight", embedding)
    ones = np.ones(DIM, np.float32)
    for layer in range(LAYERS):
        block = f"blk.{layer}."
        writer.add_tensor(block + "attn_norm.weight", ones)
        writer.add_tensor(block + "ffn_norm.weight", ones)
        writer.add_tensor(block + "attn_q.weight", matrix(DIM, DIM, std=DIM**-0.5))
        writer.add_tensor(block + "attn_k.weight", matrix(KV_HEADS * head, DIM, std=DIM**-0.5))
        writer.add_tensor(block + "attn_v.weight", matrix(KV_HEADS * head, DIM, std=DIM**-0.5))
        writer.add_tensor(block + "attn_output.weight", without_constant(matrix(DIM, DIM, std=0.2 * DIM**-0.5)))
        writer.add_tensor(block + "ffn_gate.weight", matrix(FFN, DIM, std=DIM**-0.5))
        writer.add_tensor(block + "ffn_up.weight", matrix(FFN, DIM, std=DIM**-0.5))
        writer.add_tensor(block + "ffn_down.weight", without_constant(matrix(DIM, FFN, std=0.2 * FFN**-0.5)))
    writer.add_tensor("output_norm.weight", ones)
    writer.add_tensor("output.weight", output)
