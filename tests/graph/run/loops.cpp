// Loops: what is carried, what is collected, and what comes from outside.
#include <gtest/gtest.h>

#include "tests/graph/tiny/nodes.h"

namespace dagfusion::tiny {
namespace {

std::vector<float> first_of(const std::string& sink) { return seen().values[sink].at(0); }

TEST(Loop, CarriesAValueThroughItsIterations) {
  // x = 0; each iteration adds its index: 0 + 0 + 1 + 2 + 3 = 6.
  EXPECT_EQ(run_text(R"(run: {micro_batch: 1}
nodes:
  x: {type: numbers, size: 3, width: 1}
  loop:
    loop:
      each: {type: count, steps: 4}
      carry: {v: x}
      nodes:
        up: {type: shift, in: {x: carry.v, by: each.index}}
      next: {v: up}
  out: {type: sink, in: loop.v}
)")
                .error,
            "");
  EXPECT_EQ(seen().values["out"], (std::vector<std::vector<float>>{{6}, {7}, {8}}));
}

TEST(Loop, GivesAMultistepSamplerTheValueBefore) {
  // Fibonacci: a, b = a + b, a from a = 1, b = 0: (1,1) (2,1) (3,2) (5,3) (8,5).
  const char* yaml = R"(run: {micro_batch: 1}
nodes:
  zero: {type: numbers, size: 1, width: 1}
  one: {type: add_one, in: zero}
  loop:
    loop:
      each: {type: count, steps: 5}
      carry: {a: one, b: zeros}
      nodes:
        both: {type: plus, in: {a: carry.a, b: carry.b}}
      next: {a: both, b: carry.a}
  a: {type: sink, in: loop.a}
  b: {type: sink, in: loop.b}
)";
  EXPECT_EQ(run_text(yaml).error, "");
  EXPECT_EQ(first_of("a"), (std::vector<float>{8}));
  EXPECT_EQ(first_of("b"), (std::vector<float>{5}));
}

TEST(Loop, SwapsTwoCarriedValues) {
  EXPECT_EQ(run_text(R"(run: {micro_batch: 1}
nodes:
  zero: {type: numbers, size: 1, width: 1}
  one: {type: add_one, in: zero}
  loop:
    loop:
      each: {type: count, steps: 3}
      carry: {a: zero, b: one}
      nodes: {c: {type: add_one, in: carry.a}}
      next: {b: carry.a, a: carry.b}
  a: {type: sink, in: loop.a}
  b: {type: sink, in: loop.b}
)")
                .error,
            "");
  EXPECT_EQ(first_of("a"), (std::vector<float>{1}));
  EXPECT_EQ(first_of("b"), (std::vector<float>{0}));
}

TEST(Loop, CollectsEveryFewIterationsAndTheLast) {
  // After iterations 1 to 5 v is 1 … 5; every second and the last: 2, 4, 5.
  EXPECT_EQ(run_text(R"(run: {micro_batch: 2}
nodes:
  x: {type: numbers, size: 2, width: 1}
  loop:
    loop:
      each: {type: count, steps: 5}
      carry: {v: x}
      nodes:
        up: {type: add_one, in: carry.v}
      next: {v: up}
      collect: {strip: up, every: 2}
  out: {type: sink, in: loop.collect.strip}
)")
                .error,
            "");
  EXPECT_EQ(first_of("out"), (std::vector<float>{2, 4, 5, 3, 5, 6}));
}

TEST(Loop, SeesValuesFromOutsideInEveryIteration) {
  // v -> v / 2 + outside, three times from 0 with outside = 8: 8, 12, 14.
  // A name of the body hides the one out here.
  EXPECT_EQ(run_text(R"(run: {micro_batch: 1}
nodes:
  loop:
    loop:
      each: {type: count, steps: 3}
      carry: {v: x}
      nodes:
        out: {type: half, in: carry.v}
        more: {type: plus, in: {a: out, b: late}}
      next: {v: more}
  out: {type: sink, in: loop}
  late: {type: shift, in: {x: x, by: by}}
  by: {type: mean, in: eight}
  eight: {type: shift, in: {x: four, by: bys}}
  four: {type: add_one, in: x}
  bys: {type: mean, in: four}
  x: {type: numbers, size: 1, width: 1}
)")
                .error,
            "");
  // four = 1, bys = 1, eight = 2, by = 2, late = 2: 2, 3, 3.5
  EXPECT_EQ(first_of("out"), (std::vector<float>{3.5}));
}

TEST(Loop, KeepsWhatItCollectsFromTheBodysMemory) {
  // A wide body inside the model's lane:
  // strips are written in every iteration, while other slots come and go.
  const char* yaml = R"(run: {micro_batch: 2, lanes: 2}
model: {type: chain, layers: 3}
nodes:
  x: {type: numbers, size: 6, width: 1024}
  loop:
    loop:
      each: {type: count, steps: 4}
      carry: {v: x}
      nodes:
        a: {type: add_one, in: carry.v}
        b: {type: model, in: a}
        c: {type: add_one, in: b}
        d: {type: model, in: c}
      next: {v: d}
      collect: {strip: d}
  out: {type: sink, in: loop.collect.strip}
)";
  EXPECT_EQ(run_text(yaml, {.threads = 4}).error, "");
  ASSERT_EQ(seen().values["out"].size(), 3u);
  for (int frame = 0; frame < 3; ++frame)
    for (int image = 0; image < 2; ++image)
      for (int place = 0; place < 4; ++place)
        for (int w = 0; w < 1024; ++w)
          ASSERT_EQ(seen().values["out"][frame][(image * 4 + place) * 1024 + w],
                    2 * frame + image + static_cast<float>(w) / 8 + 2 * static_cast<float>(place + 1));
}

}  // namespace
}  // namespace dagfusion::tiny
