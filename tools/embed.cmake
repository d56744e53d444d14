# Writes OUTPUT, a source that defines for each of the FILES (separated by |) a text in the namespace dagfusion::assets, named
# as the file is: report.js is report_js.
string(REPLACE "|" ";" files "${FILES}")
set(written "// Written by tools/embed.cmake.\nnamespace dagfusion::assets {\n\n")
foreach(file IN LISTS files)
  cmake_path(GET file FILENAME name)
  string(REGEX REPLACE "[^a-zA-Z0-9]" "_" name "${name}")
  file(READ ${file} text)
  string(APPEND written "extern const char* const ${name};\nconst char* const ${name} = R\"asset(${text})asset\";\n\n")
endforeach()
string(APPEND written "}  // namespace dagfusion::assets\n")
file(WRITE ${OUTPUT} "${written}")
