//! Harness of the tests that need real parts: Redis servers, Kubernetes, processes of the product.
