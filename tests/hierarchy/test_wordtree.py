"""hierarchy/wordtree.py: Darknet's own numbers, and twins that walk the tree node by node."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from yolov2.hierarchy.wordtree import (
    WordTree,
    absolute_probabilities,
    change_leaves,
    grouped_softmax,
    leaves_only,
    path_probability,
    paths_of,
    softmax,
    spans_of,
    top_prediction,
    walked_softmax,
)

FUNCTION_TOLERANCE = 1e-6  # golden/MANIFEST.md: c_tree functions
FLOAT64_NOISE = 1e-12
LIBRARIES = pytest.mark.parametrize("array", [np.asarray, torch.asarray], ids=["numpy", "torch"])

# animal(dog(hound, terrier), cat), vehicle(car)
ANIMALS = WordTree(("animal", "vehicle", "dog", "cat", "car", "hound", "terrier"), np.array([-1, -1, 0, 0, 1, 2, 2]))


@st.composite
def trees(draw: st.DrawFn) -> WordTree:
    """A tree of up to a few dozen nodes: roots, then again and again children for a node that has none."""
    parents = [-1] * draw(st.integers(1, 4))
    childless = set(range(len(parents)))
    for _ in range(draw(st.integers(0, 8))):
        parent = draw(st.sampled_from(sorted(childless)))
        childless.remove(parent)
        size = draw(st.integers(1, 5))
        childless.update(range(len(parents), len(parents) + size))
        parents += [parent] * size
    return WordTree(tuple(f"n{node}" for node in range(len(parents))), np.array(parents))


@st.composite
def trees_with_logits(draw: st.DrawFn) -> tuple[WordTree, np.ndarray]:
    """A tree and logits (rows, nodes) in quarters, so that equal ones happen."""
    tree = draw(trees())
    quarters = draw(hnp.arrays(np.int64, (draw(st.integers(0, 4)), len(tree)), elements=st.integers(-40, 40)))
    return tree, quarters / 4.0


@given(tree=trees())
def test_a_node_lies_below_another_where_its_span_lies_in_the_others(tree):
    spans = spans_of(np.arange(len(tree)), tree)
    for node in range(len(tree)):
        inside = [u for u in range(len(tree)) if spans[u, 0] <= spans[node, 0] and spans[node, 1] <= spans[u, 1]]
        assert set(inside) == set(tree.path(node))


def slow_softmax(logits, tree: WordTree) -> np.ndarray:
    """The conditional probabilities of one row: for every node, over the nodes that have its parent."""
    siblings = [[other for other in range(len(tree)) if tree.parents[other] == parent] for parent in tree.parents]
    return np.array([math.exp(logits[n]) / sum(math.exp(logits[s]) for s in siblings[n]) for n in range(len(tree))])


def slow_probability(values, node: int, tree: WordTree) -> float:
    """The product along the path of a node."""
    product = 1.0
    while node >= 0:
        product *= values[node]
        node = tree.parents[node]
    return product


def slow_top(values, tree: WordTree, threshold: float) -> int:
    """The walk of DARKNET.md 11.2 through one row, on whatever values it is given."""
    product, parent = 1.0, -1
    while True:
        group = [node for node in range(len(tree)) if tree.parents[node] == parent]
        best = max(group, key=lambda node: values[node])  # the first of equals
        if not product * values[best] > threshold:
            return best if parent < 0 else parent
        product *= values[best]
        if best not in tree.parents:
            return best
        parent = best


@LIBRARIES
@given(case=trees_with_logits())
def test_grouped_softmax_is_a_softmax_among_siblings(array, case):
    tree, logits = case
    expected = np.array([slow_softmax(row, tree) for row in logits]).reshape(logits.shape)
    found = grouped_softmax(array(logits), tree)
    np.testing.assert_allclose(found, expected, rtol=0, atol=FLOAT64_NOISE)


@given(case=trees_with_logits())
def test_groups_sum_to_one(case):
    tree, logits = case
    sums = np.add.reduceat(grouped_softmax(logits, tree), tree.offsets, axis=-1)
    np.testing.assert_allclose(sums, 1, rtol=0, atol=FLOAT64_NOISE)


@given(case=trees_with_logits())
def test_leaves_sum_to_one(case):
    tree, logits = case
    absolute = absolute_probabilities(grouped_softmax(logits, tree), tree)
    np.testing.assert_allclose(leaves_only(absolute, tree).sum(axis=-1), 1, rtol=0, atol=FLOAT64_NOISE)


@LIBRARIES
@given(case=trees_with_logits())
def test_absolute_is_the_product_along_the_path(array, case):
    tree, logits = case
    conditional = grouped_softmax(logits, tree)
    expected = np.array([[slow_probability(row, n, tree) for n in range(len(tree))] for row in conditional])
    found = absolute_probabilities(array(conditional), tree)
    np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=0, atol=FLOAT64_NOISE)


@LIBRARIES
@given(case=trees_with_logits(), data=st.data())
def test_path_probability_is_the_absolute_one_of_a_node(array, case, data):
    tree, logits = case
    conditional = grouped_softmax(logits, tree)
    nodes = data.draw(hnp.arrays(np.int64, len(logits), elements=st.integers(0, len(tree) - 1)))
    expected = absolute_probabilities(conditional, tree)[np.arange(len(nodes)), nodes]
    found = path_probability(array(conditional), array(nodes), tree)
    np.testing.assert_allclose(found, expected, rtol=0, atol=FLOAT64_NOISE)


@LIBRARIES
@pytest.mark.parametrize("faithful", [False, True])
@given(case=trees_with_logits(), threshold=st.sampled_from([0.0, 0.05, 0.125, 0.25, 0.5, 0.9]))
def test_top_prediction_is_the_walk_of_one_row_after_the_other(array, faithful, case, threshold):
    tree, logits = case
    conditional = grouped_softmax(logits, tree)
    values = absolute_probabilities(conditional, tree) if faithful else conditional
    expected = [slow_top(row, tree, threshold) for row in values]
    found = top_prediction(array(conditional), tree, threshold=threshold, faithful=faithful)
    assert found.tolist() == expected


def test_a_path_of_four_nines_stops_a_level_early_where_darknet_multiplies_twice():
    chain = WordTree(("a", "a'", "b", "b'", "c", "c'", "d", "d'"), np.array([-1, -1, 0, 0, 2, 2, 4, 4]))
    conditional = np.array([[0.9, 0.1] * 4])
    assert top_prediction(conditional, chain, threshold=0.5).tolist() == [6]  # .9, .81, .729, .656
    assert top_prediction(conditional, chain, threshold=0.5, faithful=True).tolist() == [4]  # .9, .729, .531, .349


@pytest.mark.parametrize("depth, node", [(0, "animal"), (1, "dog"), (2, "hound"), (None, "hound")])
def test_depth_says_how_far_the_walk_may_go(depth, node):
    conditional = np.array([[0.9, 0.1, 0.9, 0.1, 1.0, 0.9, 0.1]])
    assert ANIMALS.names[top_prediction(conditional, ANIMALS, threshold=0.1, depth=depth)[0]] == node


def test_the_threshold_has_to_be_passed_not_met():
    conditional = np.array([[0.75, 0.25, 0.5, 0.5, 1.0, 0.5, 0.5]])
    assert top_prediction(conditional, ANIMALS, threshold=0.375).tolist() == [0]
    assert top_prediction(conditional, ANIMALS, threshold=0.374).tolist() == [2]


def test_no_number_ends_the_walk():
    conditional = np.array([[0.9, 0.1, math.nan, 0.1, 1.0, 0.9, 0.1]])
    assert top_prediction(conditional, ANIMALS, threshold=0.1).tolist() == [0]


def test_groups_levels_and_leaves_of_a_small_tree():
    assert ANIMALS.groups.tolist() == [0, 0, 1, 1, 2, 3, 3]
    assert (ANIMALS.offsets.tolist(), ANIMALS.sizes.tolist()) == ([0, 2, 4, 5], [2, 2, 1, 2])
    assert ANIMALS.children.tolist() == [1, 2, 3, -1, -1, -1, -1]
    assert ANIMALS.is_leaf.tolist() == [False, False, False, True, True, True, True]
    assert ANIMALS.depths.tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert [level.nodes.tolist() for level in ANIMALS.levels] == [[2, 3, 4], [5, 6]]
    assert [(bucket.size, bucket.stop - bucket.start) for bucket in ANIMALS.buckets] == [(1, 1), (2, 6)]
    assert ANIMALS.path(5) == (0, 2, 5)


@pytest.mark.parametrize(
    "parents, reason",
    [
        ([], "comes before it"),
        ([0], "comes before it"),
        ([-1, 1], "comes before it"),
        ([-1, -2], "comes before it"),
        ([-1, 0, -1], "stand together"),
    ],
)
def test_parents_that_make_no_tree_are_a_wrong_call(parents, reason):
    with pytest.raises(ValueError, match=reason):
        WordTree(tuple(map(str, parents)), np.array(parents, np.int64))


def test_a_long_chain_is_built_too():
    nodes = 5000
    chain = WordTree(("x",) * nodes, np.arange(-1, nodes - 1))
    assert (chain.depths == np.arange(nodes)).all()
    assert len(chain.levels) == nodes - 1


def test_the_arrays_of_a_tree_cannot_be_written():
    with pytest.raises(ValueError, match="read-only"):
        ANIMALS.parents[0] = 3


@LIBRARIES
def test_softmax_bears_logits_without_bound(array):
    far = array(np.array([[math.inf, 0, -math.inf], [-math.inf] * 3, [3e38, -3e38, 0]], np.float32))
    np.testing.assert_allclose(softmax(far), [[1, 0, 0], [1 / 3] * 3, [1, 0, 0]], rtol=1e-6)


def test_gradients_pass_through_the_softmax_and_the_product():
    logits = torch.zeros((1, len(ANIMALS)), dtype=torch.float64, requires_grad=True)
    torch.log(absolute_probabilities(grouped_softmax(logits, ANIMALS), ANIMALS)[0, 5]).backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None
    np.testing.assert_allclose(logits.grad, [[0.5, -0.5, 0.5, -0.5, 0, 0.5, -0.5]], atol=FLOAT64_NOISE)


def test_the_probabilities_given_stay_as_they_are():
    conditional = np.full((1, len(ANIMALS)), 0.5)
    absolute_probabilities(conditional, ANIMALS)
    assert (conditional == 0.5).all()


@pytest.fixture(params=[pytest.param("golden", marks=pytest.mark.golden), "small_golden"])
def folder(request) -> Path:
    """All of Darknet's outputs, and the few that the repository itself holds."""
    return request.getfixturevalue(request.param)


def recipe_in(folder: Path) -> ModuleType:
    module = ModuleType("golden_recipe")
    exec((folder / "recipe.py").read_text(), module.__dict__)
    return module


def test_a_small_tree_gives_darknets_numbers(folder):
    check_functions(folder, "small")


@pytest.mark.golden
def test_the_tree_of_yolo9000_gives_darknets_numbers(golden):
    check_functions(golden, "9k")


def check_functions(folder: Path, name: str) -> None:
    tree = WordTree.read(folder / "data" / f"{name}.tree")
    with np.load(folder / "c_tree" / f"functions_{name}.npz") as arrays:
        expected = dict(arrays)
    parsed = {"parent": "parents", "child": "children", "group": "groups", "leaf": "is_leaf"}
    parsed |= {"group_size": "sizes", "group_offset": "offsets"}
    for theirs, ours in parsed.items():
        np.testing.assert_array_equal(getattr(tree, ours), expected[f"tree_{theirs}"], err_msg=ours)

    targets, boosts, recipe = expected["targets"], [6, 2, 9, 0, 4, 7, 3, 5], recipe_in(folder)
    parents = tree.parents.tolist()
    logits = np.stack(
        [
            recipe.tree_logits(parents, 700 + k, 1.5 if k % 2 else 3.0, boosts[k], int(target))
            for k, target in enumerate(targets)
        ]
    )
    conditional = grouped_softmax(logits, tree)
    absolute = absolute_probabilities(conditional, tree)
    np.testing.assert_allclose(conditional, expected["soft"], rtol=0, atol=FUNCTION_TOLERANCE)
    np.testing.assert_allclose(absolute, expected["absolute"], rtol=0, atol=FUNCTION_TOLERANCE)
    np.testing.assert_allclose(leaves_only(absolute, tree), expected["leaves"], rtol=0, atol=FUNCTION_TOLERANCE)
    np.testing.assert_allclose(
        path_probability(conditional, targets, tree), expected["prob_of_target"], rtol=0, atol=FUNCTION_TOLERANCE
    )
    for column, threshold in enumerate(expected["thresholds"].tolist()):
        once = top_prediction(conditional, tree, threshold=threshold)
        twice = top_prediction(conditional, tree, threshold=threshold, faithful=True)
        np.testing.assert_array_equal(once, expected["top_cond"][:, column])
        np.testing.assert_array_equal(twice, expected["top_abs"][:, column])


def test_changed_leaves_are_darknets(folder):
    tree = WordTree.read(folder / "data" / "small.tree")
    changed = change_leaves(tree, (folder / "c_tree" / "leaves.list").read_text().split())
    with np.load(folder / "c_tree" / "change_leaves.npz") as arrays:
        expected = dict(arrays)
    np.testing.assert_array_equal(changed.is_leaf, expected["leaf"])
    with np.load(folder / "c_tree" / "functions_small.npz") as arrays:
        absolute = arrays["absolute"][0]
    np.testing.assert_array_equal(leaves_only(absolute, changed), expected["leaves_after"])
    assert f"Found {changed.is_leaf.sum()} leaves.\n" == expected["message"].tobytes().decode()
    assert not (tree.is_leaf == changed.is_leaf).all()


# --- the walk alone ---------------------------------------------------------------------------------------------------


def walked(logits, tree: WordTree):
    return walked_softmax(lambda rows, nodes: logits[rows, nodes], tree, rows=logits[:, 0])


@LIBRARIES
@given(tree=trees(), seed=st.integers(0, 2**32 - 1), depth=st.none() | st.integers(0, 4), faithful=st.booleans())
def test_a_walk_on_its_own_groups_is_the_walk_on_all(array, tree, seed, depth, faithful):
    logits = array(3 * np.random.default_rng(seed).standard_normal((4, len(tree)), np.float32))
    dense, sparse = grouped_softmax(logits, tree), walked(logits, tree)
    for threshold in (-1.0, 0.1, 0.5, 2.0):
        options: dict[str, Any] = {"threshold": threshold, "depth": depth, "faithful": faithful}
        nodes = top_prediction(sparse, tree, **options)
        assert nodes.tolist() == top_prediction(dense, tree, **options).tolist()
        np.testing.assert_allclose(
            path_probability(sparse, nodes, tree), path_probability(dense, nodes, tree), rtol=1e-6
        )


@LIBRARIES
@given(tree=trees(), seed=st.integers(0, 2**32 - 1))
def test_a_group_is_worked_out_whole_or_not_at_all_and_the_roots_are(array, tree, seed):
    logits = array(3 * np.random.default_rng(seed).standard_normal((4, len(tree)), np.float32))
    dense, sparse = np.asarray(grouped_softmax(logits, tree)), np.asarray(walked(logits, tree))
    for group, (start, size) in enumerate(zip(tree.offsets, tree.sizes, strict=True)):
        members = slice(start, start + size)
        for row in range(4):
            found = sparse[row, members]
            if group == 0 or found.any():
                np.testing.assert_allclose(found, dense[row, members], rtol=1e-6)


@LIBRARIES
def test_a_walk_meets_no_group_beside_its_way(array):
    logits = array(np.array([[5, 0, 5, 0, 0, 0, 0], [0, 5, 0, 0, 0, 0, 0]], np.float32))
    sparse = np.asarray(walked(logits, ANIMALS))
    assert (sparse > 0).tolist() == [[True] * 4 + [False, True, True], [True, True, False, False, True, False, False]]


@LIBRARIES
def test_a_walk_of_no_rows_has_none(array):
    assert tuple(walked(array(np.empty((0, len(ANIMALS)), np.float32)), ANIMALS).shape) == (0, 7)


def test_infinite_logits_are_sure_of_a_walk():
    logits = np.full((1, len(ANIMALS)), -np.inf, np.float32)
    logits[0, [0, 3]] = np.inf
    np.testing.assert_array_equal(walked(logits, ANIMALS)[0], [1, 0, 0, 1, 0, 0, 0])


def test_paths_stand_root_first_with_nothing_in_front():
    assert paths_of(np.array([6, 0, 4]), ANIMALS).tolist() == [[0, 2, 6], [-1, -1, 0], [-1, 1, 4]]
    for node in range(len(ANIMALS)):
        (path,) = paths_of(np.array([node]), ANIMALS).tolist()
        assert tuple(step for step in path if step >= 0) == ANIMALS.path(node)
