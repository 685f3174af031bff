"""The load generator: Locust with an open-model arrival schedule. The only place where locust and gevent are imported.

Nobody imports this package: it is run as ``locust -f load/locustfile.py``, by `gonogo.loadtest.run` or by hand.
"""
