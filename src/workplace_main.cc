// The process that does a workplace's work, as a program of its own: it starts faster than all of clawtrace.
#include "replay/sandbox/program.h"

int main(int argc, char** argv) { return clawtrace::replay::RunAsWorkplaceProcess(argc, argv).value_or(2); }
