def test_x(acme):
    print(acme)
