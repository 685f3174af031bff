"""Generate the LiteLLM configuration from the provider registry and the model mappings."""

from typing import Any

HEADER = "# Generated from providers.yaml and model-mappings.yaml: edit those, not this file.\n"
_PREFIXES = {"vllm": "hosted_vllm", "ollama": "ollama_chat", "hosted": "openai", "llamacpp": "openai"}


_REDIS_PATIENCE_S = 0.5
"""LiteLLM waits 5 s for a Redis that hangs; its own breaker opens only after five such waits."""


def gateway_configuration(providers: dict[str, Any], mappings: dict[str, Any], redis_port: int) -> dict[str, Any]:
    """The content of LiteLLM's config.yaml."""
    by_name = {provider["name"]: provider for provider in providers["providers"]}
    redis = {"host": "127.0.0.1", "port": redis_port}
    return {
        "model_list": [_entry(model, by_name[model["provider"]]) for model in mappings["models"]],
        "router_settings": {
            "routing_strategy": "simple-shuffle",
            "num_retries": 0,
            "allowed_fails": 100,
            "cooldown_time": 5,
            "enable_pre_call_checks": True,
            "fallbacks": [{name: chain} for name, chain in mappings["fallbacks"].items()],
            "redis_host": redis["host"],
            "redis_port": redis["port"],
            "cache_kwargs": {"socket_timeout": _REDIS_PATIENCE_S},
        },
        "litellm_settings": {
            "callbacks": ["prometheus"],
            "require_auth_for_metrics_endpoint": False,
            "request_timeout": 30,
            "cache": True,
            "cache_params": {
                "type": "redis",
                **redis,
                "ttl": 60,
                "mode": "default_off",
                "socket_timeout": _REDIS_PATIENCE_S,
            },
        },
        "general_settings": {"master_key": "os.environ/EMBEDDED_GATEWAY_KEY"},
    }


def _entry(model: dict[str, Any], provider: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {
        "model": f"{_PREFIXES[provider['kind']]}/{model['model']}",
        "api_base": provider["url"] if provider["kind"] == "ollama" else f"{provider['url']}/v1",
        "timeout": model["timeout_s"],
        "stream_timeout": model["timeout_s"],
        "rpm": model["rpm"],
        "tpm": model["tpm"],
    }
    parameters["api_key"] = f"os.environ/{provider['key_env']}" if provider.get("key_env") else "none"
    for name, setting in (("weight", "weight"), ("parallel", "max_parallel_requests")):
        if name in model:
            parameters[setting] = model[name]
    info: dict[str, Any] = {"id": f"{model['name']}@{provider['name']}/{model['model']}"}
    if model.get("kind") == "embedding":
        info["mode"] = "embedding"
    # without prices LiteLLM looks at each request for the reason, a fourteenth of its time
    info |= {"input_cost_per_token": 1e-7, "output_cost_per_token": 4e-7}
    return {"model_name": model["name"], "litellm_params": parameters, "model_info": info}
