// What is refused of loops; each whole message.
#include <gtest/gtest.h>

#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

// The faults of a pipeline with a loop of these parts, from line 6 on.
std::string faults_in_loop(const std::string& parts) {
  return faults_of("run: {images: 4, micro_batch: 2}\nnodes:\n  x: {type: numbers}\n  l:\n    loop:\n" +
                   parts);
}

const std::string kEach = "      each: {type: count}\n";
const std::string kCarry = "      carry: {v: x}\n";
const std::string kNodes = "      nodes: {y: {type: add_one, in: carry.v}}\n";
const std::string kNext = "      next: {v: y}\n";

TEST(CheckLoop, AcceptsALoopWithoutFaults) { EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes + kNext), ""); }

TEST(CheckLoop, RefusesAbsentParts) {
  EXPECT_EQ(faults_in_loop(kCarry + kNodes + kNext),
            "test.yaml:6:7: node 'l' (loop): 'each' is missing: the node that counts, such as count");
  EXPECT_EQ(
      faults_in_loop(kEach + kNodes + kNext),
      "test.yaml:6:7: node 'l' (loop): 'carry' is missing: names of the carried values and where they start");
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNext),
            "test.yaml:6:7: node 'l' (loop): 'nodes' is missing: the nodes of the body");
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes),
            "test.yaml:6:7: node 'l' (loop): 'next' is missing: for each carried value, what it is in the "
            "next iteration");
  EXPECT_EQ(faults_in_loop(kEach + "      carry: {}\n" + kNodes + kNext),
            "test.yaml:7:14: node 'l' (loop): 'carry' names no value");
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes + "      next: y\n"),
            "test.yaml:9:13: node 'l' (loop): 'next' must be a map: for each carried value, what it is in "
            "the next iteration");
  EXPECT_EQ(faults_of("nodes:\n  l: {loop: 3}\nrun: {images: 1}\n"),
            "test.yaml:2:13: node 'l' (loop): 'loop' must be a map with each, carry, nodes, next");
}

TEST(CheckLoop, RefusesUnknownKeys) {
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes + kNext + "      colect: {y: y}\n"),
            "test.yaml:10:7: node 'l' (loop): unknown key 'colect'; did you mean 'collect'?");
}

TEST(CheckLoop, RefusesNextValuesThatDoNotMatchWhatIsCarried) {
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes + "      next: {w: y}\n"),
            "test.yaml:9:13: node 'l' (loop): 'next' lacks 'v', which is carried");
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes + "      next: {v: y, w: y}\n"),
            "test.yaml:9:20: node 'l' (loop): 'next' has 'w', which is not carried; known are v");
  EXPECT_EQ(faults_in_loop(kEach + kCarry + "      nodes: {y: {type: mean, in: carry.v}}\n" + kNext),
            "test.yaml:9:17: node 'l' (loop): 'v' starts as [2,4] f32, but the next one is [] f32");
  EXPECT_EQ(faults_in_loop(kEach + "      carry: {v: zeros, w: x}\n" + kNodes + "      next: {v: y, w: y}\n"),
            "test.yaml:7:18: node 'l' (loop): the first carried value cannot be zeros: it gives the shape");
}

TEST(CheckLoop, RefusesWhatCannotStandInABody) {
  EXPECT_EQ(
      faults_in_loop(kEach + kCarry +
                     "      nodes: {y: {type: add_one, in: carry.v}, z: {type: total, in: y}}\n" + kNext),
      "test.yaml:8:48: node 'l/z' (total): an ordered node cannot stand inside a loop: its order would not "
      "be defined");
  EXPECT_EQ(faults_in_loop(kEach + kCarry +
                           "      nodes: {y: {type: add_one, in: carry.v}, z: {type: numbers}}\n" + kNext),
            "test.yaml:8:48: node 'l/z' (numbers): a data set cannot stand inside a loop: its order would "
            "not be defined");
  EXPECT_EQ(faults_in_loop(kEach + kCarry +
                           "      nodes: {y: {type: add_one, in: carry.v}, z: {loop: {}}}\n" + kNext),
            "test.yaml:8:48: node 'l/z' (loop): loops do not stand inside loops");
  EXPECT_EQ(faults_in_loop(
                kEach + kCarry +
                "      nodes: {y: {type: add_one, in: carry.v}, z: {type: descend, minimize: y}}\n" + kNext),
            "test.yaml:8:48: node 'l/z' (descend): nothing can be trained inside a loop");
  EXPECT_EQ(
      faults_in_loop(
          kEach + kCarry +
          "      nodes: {y: {type: add_one, in: carry.v}, z: {type: run_pipeline, pipeline: a}}\n" + kNext),
      "test.yaml:8:48: node 'l/z' (run_pipeline): runs between two steps of a training, and this is none");
}

TEST(CheckLoop, RefusesAnEachThatDoesNotCount) {
  EXPECT_EQ(faults_in_loop("      each: {type: add_one, in: x}\n" + kCarry + kNodes + kNext),
            "test.yaml:6:13: node 'l' (loop): 'each' does not count iterations; it must be a list of times, "
            "such as count");
  EXPECT_EQ(faults_in_loop("      each: {type: cuont}\n" + kCarry + kNodes + kNext),
            "test.yaml:6:20: node 'l/each': no type 'cuont'; did you mean 'count'?");
}

TEST(CheckLoop, RefusesWhatCannotBeCollected) {
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes + kNext + "      collect: {y: each.index}\n"),
            "test.yaml:10:20: node 'l' (loop): 'each.index' is [] f32, which cannot be collected");
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes + kNext + "      collect: {y: y, every: 3s}\n"),
            "test.yaml:10:30: node 'l' (loop): 'every' of 'collect' is 3s; it must be a number of "
            "iterations, 1 or more");
}

TEST(CheckLoop, SaysWhichOutputWhenThereAreSeveral) {
  EXPECT_EQ(faults_in_loop(kEach + "      carry: {v: x, w: x}\n" + kNodes +
                           "      next: {v: y, w: y}\n  s: {type: sink, in: l}\n"),
            "test.yaml:10:23: node 's' (sink): say which output of 'l'; known are v, w");
}

TEST(CheckLoop, TakesReferencesFromAnywhereInTheFile) {
  // `late` stands behind the loop; `y` of the body hides the y out here, which needs the loop.
  EXPECT_EQ(faults_in_loop(kEach + kCarry + kNodes +
                           "      next: {v: y}\n      collect: {late: late}\n  y: {type: add_one, in: l.v}\n "
                           " late: {type: add_one, in: x}\n"),
            "");
}

}  // namespace
}  // namespace dagfusion::tiny
