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
    int third = -1;      // of q, k and v in one tensor
    bool whole = false;  // `theirs` says all of the name
  };
  // Vectors of classes: one below the other, or side by side; scaled: times sqrt(classes), and a bias for all of them.
  enum class Classes { rows, columns, scaled_columns };
  enum class Below { one, block, attention, linear_attention, down, up };
  struct Place {
    std::string ours, theirs;
    Below below = Below::one;
  };
  std::string name;         // "diffusers"
  std::string words;        // "diffusers' UNet2DModel"
  std::string sign;         // a tensor that it has
  std::string unless = {};  // a tensor that others with this sign have
  std::vector<Place> places;
  std::vector<Leaf> block, attention, linear_attention = {};
  std::string down_conv = {}, up_conv = {};  // the convolution below `down` and `up`
  Classes classes = Classes::rows;
  std::size_t attention_sides = 4;  // of the weights of an attention's layers over pixels
  std::string constants = {};       // the last word of tensors that are no weights
};

const std::vector<TensorLayout>& tensor_layouts();
const TensorLayout& layout_named(const std::string& name);

// Where the values of one weight lie.
struct TheirTensor {
  std::string name;
  int third = -1;
  TensorLayout::Classes classes = TensorLayout::Classes::rows;
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

}  // namespace dagfusion
