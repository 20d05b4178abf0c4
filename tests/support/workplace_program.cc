// What clawtrace is to the workplaces that it opens, and no more.
#include "replay/sandbox/program.h"

int main(int argc, char** argv) { return clawtrace::replay::RunAsWorkplaceProcess(argc, argv).value_or(2); }
