module runbooks.dev/examples/app

go 1.26
