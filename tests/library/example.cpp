// Trains, draws from what was trained, and meets a mistake: example TRAIN.yaml SAMPLE.yaml
#include <dagfusion/pipeline.h>

#include <cstdio>

int main(int argc, char** argv) {
  dagfusion::confine_reading();
  if (argc != 3) return std::fprintf(stderr, "usage: example TRAIN.yaml SAMPLE.yaml\n"), 2;
  const std::string train = argv[1], sample = argv[2];

  const auto tell = [](const dagfusion::RunStatus& now) {
    if (now.loss) std::printf("step %lld, loss %.4f\n", static_cast<long long>(now.steps), *now.loss);
    return dagfusion::Wish::go_on;
  };
  const dagfusion::RunSummary run = dagfusion::run({.file = train, .set = {"run.output=runs/library"}}, tell);
  std::printf("%lld steps in %s\n", static_cast<long long>(run.status.steps), run.directory.c_str());

  const dagfusion::Pipeline drawing = {.file = sample,
                                       .set = {"vars.checkpoint=" + run.directory, "vars.count=8"}};
  const std::vector<dagfusion::Image> images = dagfusion::images(drawing);
  std::printf("%zu images of %dx%dx%d\n", images.size(), images[0].height, images[0].width,
              images[0].channels);

  try {
    dagfusion::check({.file = train, .set = {"run.stepss=9"}});
  } catch (const dagfusion::UserError& mistake) {
    std::printf("%s\n", mistake.what());
  }
}
