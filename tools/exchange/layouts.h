// How other programs name the tensors of a U-Net: tables, and the translation of one of our paths by them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nodes/files/tensor_file.h"
#include "tools/exchange/network.h"

namespace dagfusion {

struct TensorLayout {
  struct Leaf {
    std::string ours, theirs;
    int third = -1;  // of q, k and v in one tensor
  };
  enum class Below { one, block, attention, down, up };
  struct Place {
    std::string ours, theirs;
    Below below = Below::one;
  };
  std::string name;   // "diffusers"
  std::string words;  // "diffusers' UNet2DModel"
  std::string sign;   // a tensor that only it has
  std::vector<Place> places;
  std::vector<Leaf> block, attention;
  std::string down_conv, up_conv;  // the convolution below `down` and `up`
};

const std::vector<TensorLayout>& tensor_layouts();
const TensorLayout& layout_named(const std::string& name);

// Where the values of one weight lie.
struct TheirTensor {
  std::string name;
  int third = -1;
};
// Of "model/down0/block1/conv1.weight"; nothing for what the layout has no name for.
std::optional<TheirTensor> their_tensor(const TensorLayout&, const Network&, const std::string& ours);

// A network in a file: whose, and what stands in front of all its names.
struct FoundNetwork {
  const TensorLayout* layout = nullptr;
  std::string prefix;
};
std::vector<FoundNetwork> find_networks(const std::map<std::string, TensorFile::Facts>&);

// Whose tensors they are when they are of a network that cannot be built here, and why not; "" otherwise.
std::string known_but_not_read(const std::map<std::string, TensorFile::Facts>&);

// Rows of one of q, k and v in a tensor of all three, [3C,...]: head by head (legacy), or one after the other.
std::vector<float> take_third(const std::vector<float>& all, std::int64_t channels, std::int64_t heads,
                              int third, bool by_heads);

}  // namespace dagfusion
