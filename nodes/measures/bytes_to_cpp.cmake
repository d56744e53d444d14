# cmake -DINPUT=FILE -DOUTPUT=FILE.cpp -DNAME=kName -P bytes_to_cpp.cmake: a file as an array of bytes in the program.
file(READ ${INPUT} bytes HEX)
string(LENGTH ${bytes} digits)
math(EXPR count "${digits} / 2")
string(REGEX REPLACE "(................................)" "\\1\n" bytes ${bytes})
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "#include <cstddef>\n\nnamespace dagfusion {\n
extern const unsigned char ${NAME}[];\nextern const std::size_t ${NAME}Bytes;
const unsigned char ${NAME}[] = {\n${bytes}};\nconst std::size_t ${NAME}Bytes = ${count};\n\n}  // namespace dagfusion\n")
