"""A small Spanish car-marketplace assistant: a message in, the eight-field JSON answer out.

Used by the chatbot's mock mode and by the scripted models when they are asked for a ``chatbot_reply``.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from embedded.classifier import IntentClassifier, plain

_UTTERANCES = Path(__file__).parent / "data" / "utterances-es.yaml"
_ANSWERS: dict[str, tuple[str, str]] = {
    # intent: answer, suggested action
    "saludo": ("¡Hola! Soy el asistente del concesionario. ¿En qué puedo ayudarle hoy?", "ofrecer_ayuda"),
    "cita": ("Con mucho gusto le reservamos una cita en el concesionario. ¿Qué día le viene mejor?", "agendar_cita"),
    "financiacion": (
        "Ofrecemos financiación a medida, con cuotas mensuales desde doce hasta ochenta y cuatro meses.",
        "calcular_cuota",
    ),
    "garantia": (
        "Todos nuestros coches tienen garantía de un año y revisión completa en el taller oficial.",
        "explicar_garantia",
    ),
    "venta": (
        "Podemos tasar su coche actual sin compromiso. ¿Cuál es la marca, el modelo y el año?",
        "pedir_tasacion",
    ),
    "precio": (
        "El precio depende del modelo y del equipamiento. Le envío las mejores ofertas de esta semana.",
        "mostrar_ofertas",
    ),
    "contacto": (
        "Estamos abiertos de lunes a sábado, de nueve a ocho. Un asesor puede llamarle cuando quiera.",
        "contactar_asesor",
    ),
    "busqueda": (
        "Tenemos varios coches que encajan con lo que busca. ¿Quiere que le muestre los más recientes?",
        "mostrar_coches",
    ),
}
_BRANDS = ("seat", "renault", "toyota", "ford", "kia", "peugeot", "volkswagen", "audi", "bmw", "hyundai")
_FALLBACK = "Disculpe, no he entendido bien su pregunta. ¿Puede explicarme qué coche o servicio necesita?"


_UNKNOWN = "desconocido"
_FUELS = {"electrico": r"electric[oa]s?", "hibrido": r"hibrid[oa]s?", "diesel": "diesel", "gasolina": "gasolina"}
_SURE_ENOUGH = 0.3
"""Below this probability the assistant asks again rather than guesses."""


@cache
def classifier() -> IntentClassifier:
    """The trained classifier. A server calls this before it serves: training takes some tenths of a second."""
    utterances = yaml.safe_load(_UTTERANCES.read_text(encoding="utf-8"))
    return IntentClassifier(utterances, names=frozenset(_BRANDS))


def reply_to(turns: list[str]) -> dict[str, Any]:
    """The eight-field answer to the last of the user's turns; parameters carry over from earlier ones."""
    last = turns[-1] if turns else ""
    parameters = _parameters(" ".join(map(plain, turns)))
    chances = classifier().probabilities(last)
    intent = max(_ANSWERS, key=chances.__getitem__)
    if chances[_UNKNOWN] >= 0.5 or chances[intent] < _SURE_ENOUGH:
        return _answer(_FALLBACK, _UNKNOWN, min(0.49, 1 - chances[_UNKNOWN]), parameters, "aclarar", is_fallback=True)
    answer, action = _ANSWERS[intent]
    return _answer(answer, intent, chances[intent], parameters, action)


def _answer(  # noqa: PLR0913 (one argument a field)
    response: str, intent: str, confidence: float, parameters: dict[str, str], action: str, *, is_fallback: bool = False
) -> dict[str, Any]:
    return {
        "response": response,
        "intent": intent,
        "confidence": round(confidence, 3),
        "isFallback": is_fallback,
        "parameters": parameters,
        "leadSignals": [] if is_fallback else sorted({"interes", *(["marca"] if "marca" in parameters else [])}),
        "suggestedAction": action,
        "quickReplies": ["Ver coches", "Hablar con un asesor"],
    }


def _parameters(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    if brand := next((b for b in _BRANDS if re.search(rf"\b{b}\b", text)), None):
        found["marca"] = brand
    if fuel := next((name for name, pattern in _FUELS.items() if re.search(rf"\b{pattern}\b", text)), None):
        found["combustible"] = fuel
    if budget := re.search(r"\b(\d{1,3}(?:[. ]?\d{3})+|\d{4,6})\s*(?:euros|€)", text):
        found["presupuesto"] = re.sub(r"\D", "", budget.group(1))
    return found
