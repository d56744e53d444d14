// Weights of ours that other programs keep in one tensor, or in another order: out of it, and into it again.
#pragma once

#include <cstdint>
#include <vector>

namespace dagfusion {

// How q, k and v lie in a tensor of all three, [3C,...]: one after the other; so head by head; or channel by channel.
enum class ThirdOrder { whole, by_heads, by_channels };
// The rows of one of them.
std::vector<float> take_third(const std::vector<float>& all, std::int64_t channels, std::int64_t heads,
                              int third, ThirdOrder order);

// The way back.
std::vector<float> joined_thirds(const std::vector<std::vector<float>>& thirds, std::int64_t channels,
                                 std::int64_t heads, ThirdOrder order);

// [D,K] -> [K+1,D]: the vector of each class, times `scale`, and last that of no class; `bias` is added to all, "" = 0.
std::vector<float> rows_of_classes(const std::vector<float>& columns, const std::vector<float>& bias,
                                   std::int64_t classes, float scale);
// The way back, [K,D] or more -> [D,K], with `none` as the bias: such columns that rows_of_classes gives the same bits, where
// there are such.
std::vector<float> columns_of_classes(const std::vector<float>& rows, const std::vector<float>& none,
                                      std::int64_t classes, float scale);

}  // namespace dagfusion
