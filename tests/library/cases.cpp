// What tests/whole/library.sh asks of the library: cases WHAT FILE [OVERRIDE...]
#include <dagfusion/pipeline.h>

#include <cstdio>
#include <cstring>

using namespace dagfusion;

namespace {

const char* name_of(RunSummary::Outcome outcome) {
  switch (outcome) {
    case RunSummary::Outcome::done:
      return "done";
    case RunSummary::Outcome::stopped:
      return "stopped";
    case RunSummary::Outcome::aborted:
      return "aborted";
  }
  return "";
}

void tell(const RunSummary& run) {
  std::printf("%s %lld %s\n", name_of(run.outcome), static_cast<long long>(run.status.steps),
              run.directory.c_str());
}

// After the first step.
OnProgress wishing(Wish wish) {
  return [wish](const RunStatus& now) { return now.steps > 0 ? wish : Wish::go_on; };
}

// NUMBER.ppm or .pgm of each.
void write(const std::vector<Image>& images) {
  for (std::size_t n = 0; n < images.size(); ++n) {
    const Image& image = images[n];
    const bool colour = image.channels == 3;
    std::FILE* file = std::fopen((std::to_string(n) + (colour ? ".ppm" : ".pgm")).c_str(), "wb");
    std::fprintf(file, "P%d %d %d 255\n", colour ? 6 : 5, image.width, image.height);
    std::fwrite(image.pixels.data(), 1, image.pixels.size(), file);
    std::fclose(file);
  }
  std::printf("%zu\n", images.size());
}

struct Enough {};
void interrupt(const Pipeline& pipeline) {
  try {
    run(pipeline, [](const RunStatus&) -> Wish { throw Enough(); });
  } catch (const Enough&) {
    std::printf("enough\n");
  }
}

void answer(const char* what, const Pipeline& pipeline) {
  const auto asked = [what](const char* name) { return std::strcmp(what, name) == 0; };
  if (asked("check")) check(pipeline);
  if (asked("run")) tell(run(pipeline));
  if (asked("stop")) tell(run(pipeline, wishing(Wish::stop)));
  if (asked("stop_at_once")) tell(run(pipeline, wishing(Wish::stop_at_once)));
  if (asked("resume")) tell(run({.file = pipeline.file, .set = pipeline.set, .resume = ""}));
  if (asked("throw")) interrupt(pipeline);
  if (asked("images")) write(images(pipeline));
  if (asked("images_of_xT")) write(images(pipeline, "xT"));
  if (asked("images_stopped"))
    write(images(pipeline, "bytes", [](const RunStatus&) { return Wish::stop_at_once; }));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    answer(argv[1], {.file = argv[2], .set = {argv + 3, argv + argc}});
  } catch (const UserError& mistake) {
    return std::fprintf(stderr, "%s\n", mistake.what()), 2;
  } catch (const std::runtime_error& failure) {
    return std::fprintf(stderr, "%s\n", failure.what()), 1;
  }
}
