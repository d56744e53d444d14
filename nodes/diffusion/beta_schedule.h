// The noise schedules of the literature: beta, the variance that each timestep adds.
#pragma once

#include <string>
#include <vector>

namespace dagfusion {

// Of T timesteps; b0, b1: the first and the last beta, where the schedule has such.
std::vector<double> betas(const std::string& schedule, int T, double b0, double b1);

// alpha_bar[t] = (1 - beta[0]) * … * (1 - beta[t]).
std::vector<double> running_product(const std::vector<double>& beta);

// Shifts and stretches sqrt(alpha_bar) so that its last value is 0 and its first stays; the betas that give it.
std::vector<double> without_terminal_signal(const std::vector<double>& alpha_bar);

}  // namespace dagfusion
