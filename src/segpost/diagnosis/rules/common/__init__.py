"""Tests of arrays that rules of several subjects share."""
