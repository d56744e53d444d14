#include "graph/cluster/signs_of_life.h"

#include "graph/cluster/tags.h"
#include "graph/values/clock.h"

namespace dagfusion {

namespace {

constexpr std::int64_t kBetweenSigns = 1'000'000'000;  // nanoseconds

}  // namespace

SignsOfLife::SignsOfLife(const Transport& transport, std::function<void(Silence)> silent)
    : silent_(std::move(silent)) {
  for (int r = 0; r < transport.size(); ++r) {
    const bool one_is_first = r == 0 || transport.rank() == 0;
    if (r != transport.rank() && one_is_first) peers_.push_back({.rank = r, .heard = clock_now()});
  }
}

void SignsOfLife::listen(Transport& transport, Peer& peer) {
  const std::int64_t now = clock_now();
  if (peer.receiving < 0) peer.receiving = transport.receive(peer.rank, kSignOfLife, {&peer.received, 1});
  if (transport.done(peer.receiving)) {
    peer.receiving = -1;
    peer.heard = now;
  }
  silent_({peer.rank, static_cast<double>(now - peer.heard) * 1e-9});
}

void SignsOfLife::tell(Transport& transport, Peer& peer) {
  if (peer.sending >= 0 && !transport.done(peer.sending)) return;
  peer.sending = transport.send(peer.rank, kSignOfLife, {&peer.sent, 1});
}

bool SignsOfLife::advance(Transport& transport) {
  for (Peer& peer : peers_) listen(transport, peer);
  const std::int64_t now = clock_now();
  if (now - told_ < kBetweenSigns) return false;
  told_ = now;
  for (Peer& peer : peers_) tell(transport, peer);
  return false;
}

bool Failures::advance(Transport& transport) {
  const auto listen = [&](Peer& peer) {
    peer.receiving = transport.receive(peer.rank, kFailure, std::as_writable_bytes(std::span(peer.message)));
  };
  if (peers_.empty())
    for (int r = 1; r < transport.size(); ++r) {
      peers_.push_back(std::make_unique<Peer>(Peer{r, -1, {}}));
      listen(*peers_.back());
    }
  for (const auto& peer : peers_)
    if (peer->receiving >= 0 && transport.done(peer->receiving)) {
      peer->receiving = -1;
      failed_(peer->rank, std::string(peer->message.data()));
    }
  return false;
}

}  // namespace dagfusion
