module gonogo/bench/load/truth

go 1.24
