// `when: value` with `otherwise: value`:
// frames in which the first is 0 skip the node and get the second instead.
#include <fmt/format.h>

#include "graph/check/checking.h"
#include "graph/types/builtin.h"

namespace dagfusion {

Named Checking::check_when(Request request, const Tree& tree, const Scope& scope, const std::string& owner) {
  const Tree* when = tree.find("when");
  const Tree* otherwise = tree.find("otherwise");
  if (!when)
    throw UserError(otherwise->where,
                    fmt::format("{}: 'otherwise' without 'when': nothing would skip the node", owner));
  if (!otherwise)
    throw UserError(
        when->where,
        fmt::format("{}: 'otherwise' is missing: what frames get that skip the node, an output of another "
                    "node or zeros",
                    owner));
  if ((request.type->role != Role::map && request.type->role != Role::composite) || request.type->minimizes)
    throw UserError(when->where,
                    fmt::format("{}: 'when' is for maps and models; this node sees every frame", owner));
  const bool zeros = otherwise->text == "zeros" && !otherwise->quoted;
  const std::optional<Wire> condition = look_up(*when, scope, owner);
  const std::optional<Wire> other = zeros ? kNoWire : look_up(*otherwise, scope, owner);
  if (!condition || broken(*condition) || !other || (!zeros && broken(*other))) throw AlreadyReported();
  const TensorSpec& flag = spec(*condition);
  if (flag.shape.size() > 1 || (flag.dtype != DType::f32 && flag.dtype != DType::i32))
    throw UserError(when->where,
                    fmt::format("{}: 'when' is '{}', which is {}; it must be one number, i32 or f32", owner,
                                when->text, to_string(flag)));

  return make_when(std::move(request), *condition, *other,
                   {otherwise->where, otherwise->where, otherwise->text});
}

Named Checking::make_when(Request request, Wire condition, Wire otherwise, const Wired& written) {
  const std::string owner = request.owner();
  if (current_when.node != kNoWire.node)
    throw UserError(request.where,
                    fmt::format("{}: stands in a node under 'when', and is under one itself; one of them "
                                "would do",
                                owner));
  const Temporarily<Wire> under_it(current_when, condition);
  Request choice{.path = request.path + "/otherwise", .type = &choose(), .where = request.where};
  const Named made =
      request.type->role == Role::composite ? expand(std::move(request)) : make(std::move(request));
  if (made.broken) return made;
  const Wire main = made.ports.at(made.main);
  choice.in["in"] = main;
  if (otherwise.node != kNoWire.node) {
    if (spec(otherwise).shape != spec(main).shape || !convertible(spec(otherwise).dtype, spec(main).dtype))
      throw UserError(written.where,
                      fmt::format("{}: 'otherwise' is '{}', which is {}, but the node gives {}", owner,
                                  written.text, to_string(spec(otherwise)), to_string(spec(main))));
    const Temporarily<Wire> in_every_frame(current_when, kNoWire);  // brought into the node's form
    choice.in["otherwise"] = in_form(otherwise, spec(main).dtype, spec(main).block);
  }
  const Named chosen = make(std::move(choice));
  return {.ports = {{made.main, chosen.ports.at(chosen.main)}}, .main = made.main, .node = chosen.node};
}

}  // namespace dagfusion
