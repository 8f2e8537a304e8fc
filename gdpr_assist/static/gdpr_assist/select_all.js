'use strict';
// The checkbox in the head of a table ticks those below it. It is hidden without JavaScript, where it would do nothing.
document.querySelectorAll('[data-select-all]').forEach(function(toggle) {
    const boxes = Array.from(toggle.closest('table').querySelectorAll('tbody input[type=checkbox]'));

    function update() {
        const checked = boxes.filter(box => box.checked).length;
        toggle.checked = checked === boxes.length;
        toggle.indeterminate = checked > 0 && checked < boxes.length;
        boxes.forEach(box => box.closest('tr').classList.toggle('selected', box.checked));
    }

    if (boxes.length === 0) {
        return;
    }
    toggle.hidden = false;
    toggle.addEventListener('change', function() {
        boxes.forEach(function(box) {
            box.checked = toggle.checked;
        });
        update();
    });
    boxes.forEach(box => box.addEventListener('change', update));
    // Also when the browser brings the page back with its boxes ticked
    window.addEventListener('pageshow', update);
});
