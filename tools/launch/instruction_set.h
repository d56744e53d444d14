// The instruction set that all arithmetic is kept to.
#pragma once

namespace dagfusion {

// What the variable DAGFUSION_INSTRUCTION_SET says: avx2 keeps a processor with AVX-512 to what others have, whose bits it
// then gives. Call it before anything is planned. Throws UserError for another name, or one that this processor has not.
void limit_instruction_set();

}  // namespace dagfusion
