"""What a strict site tells browsers: all comes from files of its own, and no script or style stands in a page."""

from django.conf import settings

POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"


def no_inline(get_response):
    """Return a middleware that sends the policy; themes are not written for one."""

    def answer(request):
        response = get_response(request)
        if not settings.THEME:
            response["Content-Security-Policy"] = POLICY
        return response

    return answer
