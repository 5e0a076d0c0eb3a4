// Labels as JSON: a COCO annotation with a run-length code for each class.
#pragma once

#include <string>

#include "pictures.hpp"

std::string encode_codes(Labels &labels);
