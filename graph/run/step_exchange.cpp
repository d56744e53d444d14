#include "graph/run/step_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <limits>

#include "graph/cluster/cost.h"
#include "graph/values/clock.h"

namespace dagfusion {

namespace {

// Of a step task: after how many seconds it is due; 0 when it goes by steps.
double seconds_between(const Checked& checked, const Plan& plan, int step_task) {
  return checked.nodes[plan.tasks[step_task].visits[0].node].every.seconds;
}

}  // namespace

StepExchange::StepExchange(Cluster& cluster, const Checked& checked, const Plan& plan,
                           const GradientSums& sums, DueSteps& due, TaskObserver* observer)
    : cluster_(cluster),
      checked_(checked),
      plan_(plan),
      due_(due),
      observer_(observer),
      began_(clock_now()),
      end_(std::numeric_limits<std::int64_t>::max()) {
  make_buckets(sums);
  const auto add = [&](int slot) {
    const std::size_t place =
        std::exchange(record_size_, record_size_ + plan_.slots[slot].spec.stored_elements());
    if (!places_.emplace(slot, place).second) record_size_ = place;
  };
  for (const int t : plan_.steps)
    for (const Mean& mean : plan_.tasks[t].means) add(mean.from);
  add(plan_.losses[0]);
}

// From the last weights to the first, as the backward pass comes to them.
void StepExchange::make_buckets(const GradientSums& sums) {
  const std::vector<WeightSpec>& weights = checked_.weights->weights();
  std::vector<Bucket*> bucket_of(weights.size());
  std::size_t end = checked_.weights->floats();
  for (std::size_t w = weights.size(); w-- > 0;) {
    const std::size_t begin = weights[w].offset;
    if (buckets_.empty() || !bucket_of[w]) {
      std::size_t first = w;  // of this bucket
      while (first > 0 && end - weights[first].offset < kBucketFloats) --first;
      buckets_.push_back(std::make_unique<Bucket>());
      std::vector<float*> mine = sums.left();
      for (float*& sum : mine) sum += weights[first].offset;
      buckets_.back()->sum = std::make_shared<SharedSum>(
          cluster_.rank(), cluster_.size(), checked_.run.gradient_groups,
          static_cast<int>(buckets_.size()) - 1, mine, end - weights[first].offset);
      if (observer_)
        buckets_.back()->sum->seen_by([this](const Exchanged& seen) { observer_->exchanged(seen); });
      for (std::size_t of = first; of <= w; ++of) bucket_of[of] = buckets_.back().get();
    }
    end = begin;
  }
  for (std::size_t t = 0; t < plan_.tasks.size(); ++t) {
    const Task& task = plan_.tasks[t];
    if (task.kind != Task::Kind::accumulate) continue;
    std::vector<Bucket*>& adds_to = buckets_of_[static_cast<int>(t)];
    for (const Visit& visit : task.visits)
      for (const int w : checked_.nodes[visit.node].weights)
        if (std::find(adds_to.begin(), adds_to.end(), bucket_of[w]) == adds_to.end())
          adds_to.push_back(bucket_of[w]);
    for (Bucket* bucket : adds_to) ++bucket->tasks;
  }
  std::erase_if(buckets_, [](const auto& bucket) { return bucket->tasks == 0; });  // nothing of it is trained
  for (const auto& bucket : buckets_) bucket->missing = bucket->tasks;
}

void StepExchange::before_the_first_step(std::int64_t step) {
  for (const int t : plan_.steps)
    if (seconds_between(checked_, plan_, t) > 0) due_.decide(t, step, false);
}

void StepExchange::gradients_done(int task) {
  for (Bucket* bucket : buckets_of_.at(task)) {
    if (--bucket->missing > 0) continue;
    bucket->missing = bucket->tasks;
    bucket->sum->again();
    cluster_.start(bucket->sum);
  }
}

void StepExchange::note(const Frame& frame, const std::function<const float*(int slot)>& value) {
  if (frame.first_of_step) mine_.clear();
  const std::size_t begin = mine_.size();
  mine_.resize(begin + record_size_);
  mine_[begin] = static_cast<float>(frame.valid);
  for (const auto& [slot, place] : places_)
    std::memcpy(mine_.data() + begin + place, value(slot), plan_.slots[slot].spec.bytes());
}

// Whether this process wants to stop; by the first one's clock, what is due after the next step; the records.
std::string StepExchange::message(std::int64_t step, bool wants_to_stop) {
  std::string text(1, static_cast<char>(wants_to_stop));
  for (const int t : plan_.steps)
    if (const double seconds = seconds_between(checked_, plan_, t); seconds > 0)
      text += static_cast<char>(first() && due_.fires_by_the_clock(t, step + 1, seconds));
  const auto records = std::as_bytes(std::span(mine_));
  text.append(reinterpret_cast<const char*>(records.data()), records.size());
  return text;
}

void StepExchange::read(const std::vector<std::string>& messages, std::int64_t step) {
  all_.clear();
  std::size_t head = 1;
  for (const int t : plan_.steps)
    if (seconds_between(checked_, plan_, t) > 0) due_.decide(t, step + 1, messages[0][head++] != 0);
  for (const std::string& text : messages) {
    // Some have begun the next step already.
    if (text[0] != 0) end_ = std::min<std::int64_t>(end_, step + 2);
    const std::size_t begin = all_.size();
    all_.resize(begin + (text.size() - head) / sizeof(float));
    std::memcpy(all_.data() + begin, text.data() + head, text.size() - head);
  }
}

// A process that is there and does not come on: a disk that does not answer, a node that does not end. Others wait for
// it, as long as it takes. They may differ by the work of a step.
void StepExchange::name_late(int rank, double seconds, std::int64_t step) {
  const double since = static_cast<double>(clock_now() - began_) * 1e-9;
  const double usual = steps_ > 0 ? (since - seconds) / static_cast<double>(steps_) : 0;
  if (late_named_ == step || seconds < std::max(cluster_.patience().named, usual)) return;
  if (!cluster_.first() && rank != 0) return;
  late_named_ = step;
  cluster_.say(
      fmt::format("{} is there, but has not finished step {}; the others have waited {:.0f} seconds for it",
                  cluster_.name_of(rank), step + 1, seconds));
}

void StepExchange::finish(std::int64_t step, bool wants_to_stop) {
  const std::int64_t begin = clock_now();
  const auto gather =
      std::make_shared<Gather>(message(step, wants_to_stop),
                               [this, step](int rank, double seconds) { name_late(rank, seconds, step); });
  cluster_.start(gather);
  for (const auto& bucket : buckets_) bucket->sum->wait();
  gather->wait();
  const std::int64_t end = clock_now();
  if (observer_) observer_->exchanged({Exchanged::Kind::wait, "end of the step", -1, begin, end});
  waited_ += end - begin;
  ++steps_;
  read(gather->take(), step);
}

ExchangeReport StepExchange::report() const {
  ExchangeReport all{
      .ranks = cluster_.size(), .steps = steps_, .exposed = static_cast<double>(waited_) * 1e-9};
  for (const auto& bucket : buckets_) all.bytes_a_step += bucket->sum->bytes_sent();
  return all;
}

}  // namespace dagfusion
